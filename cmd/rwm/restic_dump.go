package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cesnet/rwm/internal/readfile"
	"github.com/cesnet/rwm/restic"
)

type resticDumpCmd struct {
	reads
	Snapshot string `arg:"" help:"Snapshot ID or latest, with :FOLDER for only that folder of it."`
	Path     string `arg:"" name:"file" help:"File to print, or directory to print as an archive; / is all of it."`
	snapshotFlags
	Archive string `short:"a" default:"tar" enum:"tar,zip" help:"Format of a directory: tar or zip."`
	Target  string `short:"t" help:"Write to this file instead of stdout." placeholder:"PATH" predictor:"file"`
}

func (resticDumpCmd) Help() string {
	return `Examples:

  rwm restic dump latest /etc/fstab
  rwm restic dump latest /srv | tar tv
  rwm restic dump --archive zip --target srv.zip latest:/srv /`
}

func (c resticDumpCmd) Run(a *app) error {
	format, err := restic.ParseArchiveFormat(c.Archive)
	if err != nil {
		return usageError{err}
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	opts := restic.DumpOptions{Snapshot: c.Snapshot, Filter: c.filter(), Path: c.Path, Archive: format}
	if c.Target == "" {
		// An archive would only mess up a terminal.
		opts.FileOnly = a.stdout.terminal
		err := s.Dump(a.ctx, opts, a.stdout)
		if opts.FileOnly && errors.Is(err, restic.ErrIsDir) {
			return usageError{fmt.Errorf("%w, and stdout is a terminal: redirect the archive or use --target", err)}
		}
		return err
	}
	return c.toFile(a.ctx, func(w io.Writer) error { return s.Dump(a.ctx, opts, w) })
}

// toFile leaves a file that is there alone until there is something to write: a
// misspelt path or snapshot costs nobody an earlier dump.
func (c resticDumpCmd) toFile(ctx context.Context, dump func(io.Writer) error) error {
	out := &lateFile{open: func() (io.WriteCloser, error) { return readfile.Create(ctx, c.Target, 0o666) }}
	err := dump(out)
	if err == nil {
		err = out.make() // an empty file was dumped
	}
	if out.file == nil {
		return err
	}
	if err = errors.Join(err, out.file.Close()); err != nil {
		return fmt.Errorf("%s is not complete: %w", c.Target, err)
	}
	return nil
}

// lateFile is opened with the first byte.
type lateFile struct {
	open func() (io.WriteCloser, error)
	file io.WriteCloser
}

func (f *lateFile) make() (err error) {
	if f.file == nil {
		var file io.WriteCloser
		if file, err = f.open(); err == nil {
			f.file = file
		}
	}
	return err
}

func (f *lateFile) Write(p []byte) (int, error) {
	if err := f.make(); err != nil {
		return 0, err
	}
	return f.file.Write(p)
}
