package restic

import (
	"errors"
	"io/fs"
	"runtime"
	"syscall"

	engarchiver "github.com/restic/restic/rwmlink/archiver"
	engfs "github.com/restic/restic/rwmlink/fs"
)

var errTagNotRegular = errors.New("it is not a regular file")

// rejectIfPresent is the engine's function, except that it does not read a tag file
// that is a named pipe, a terminal or the like: with one, any user of the host could
// hold up a backup.
func rejectIfPresent(spec string, warn warnFunc) (engarchiver.RejectFunc, error) {
	reject, err := engarchiver.RejectIfPresent(spec, warn)
	if err != nil {
		return nil, err
	}
	return func(path string, fi *engfs.ExtendedFileInfo, source engfs.FS) bool {
		return reject(path, fi, tagFS{source})
	}, nil
}

// tagFS opens regular files only, without waiting.
type tagFS struct{ engfs.FS }

func (f tagFS) OpenFile(name string, flag int, metadataOnly bool) (engfs.File, error) {
	if runtime.GOOS != "windows" {
		flag |= syscall.O_NONBLOCK
	}
	file, err := f.FS.OpenFile(name, flag, metadataOnly)
	if err != nil {
		return nil, err
	}
	fi, err := file.Stat()
	if err == nil && !fi.Mode.IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errTagNotRegular}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
