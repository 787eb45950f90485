package s3state

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

type fileResult struct{ skipped, hashed bool }

// object downloads one object. The file gets its name only after its bytes were
// checked, so a file of the right size was downloaded by an earlier run.
func (d *downloader) object(ctx context.Context, o entry) (fileResult, error) {
	name, err := localName(o.Key)
	if err != nil {
		return fileResult{}, err
	}
	if fi, err := d.root.Lstat(name); err == nil {
		if !fi.Mode().IsRegular() || fi.Size() != o.Size {
			return fileResult{}, fmt.Errorf("%s is there already, and is something else", name)
		}
		return fileResult{skipped: true}, nil
	}
	if dir := filepath.Dir(name); dir != "." {
		if err := d.root.MkdirAll(dir, 0o700); err != nil {
			return fileResult{}, err
		}
	}
	part := partName(name)
	f, err := d.root.Create(part)
	if err != nil {
		return fileResult{}, err
	}
	_ = f.Chmod(0o600)
	hashed, err := d.s.fetchChecked(ctx, d.opts.Source, o, f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = d.root.Rename(part, name)
	}
	if err != nil {
		_ = d.root.Remove(part)
	}
	return fileResult{hashed: hashed}, err
}

// partName is what a file is called until its bytes were checked. The names of keys may
// be as long as a file system allows.
func partName(name string) string {
	return filepath.Join(filepath.Dir(name), fmt.Sprintf("%x%s", sha256.Sum256([]byte(name)), partSuffix))
}

const partSuffix = ".rwm-part"

// localName turns a key into a path below the target directory, if it is one.
func localName(key string) (string, error) {
	name := filepath.FromSlash(key)
	if !fs.ValidPath(key) || !filepath.IsLocal(name) || strings.ContainsRune(key, 0) || strings.HasSuffix(key, partSuffix) || key == downloadMark {
		return "", errors.New("the key is not a valid file name")
	}
	return name, nil
}

// diskFull reports whether every further file would meet the same error.
func diskFull(err *fs.PathError) bool {
	return errors.Is(err, syscall.ENOSPC)
}
