// Package treecmp compares two directory trees: names, types, bytes and the
// metadata a restore brings back.
package treecmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Result counts what was compared and lists what differs.
type Result struct {
	Files, Dirs, Others int
	Bytes               int64
	Differences         []string // "path: what differs", at most MaxDifferences
}

// MaxDifferences is where a comparison gives up listing.
const MaxDifferences = 50

// Equal says that nothing differs.
func (r *Result) Equal() bool { return len(r.Differences) == 0 }

func (r *Result) differ(path, format string, args ...any) {
	if len(r.Differences) < MaxDifferences {
		r.Differences = append(r.Differences, path+": "+fmt.Sprintf(format, args...))
	}
}

// Compare walks want and got. The two root directories themselves are compared
// by their entries only: a restore target is made by the restoring user.
func Compare(want, got string) (*Result, error) {
	r := &Result{}
	err := filepath.WalkDir(want, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(want, path)
		if err != nil || rel == "." {
			return err
		}
		return r.compareOne(rel, path, filepath.Join(got, rel))
	})
	if err != nil {
		return r, err
	}
	return r, filepath.WalkDir(got, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(got, path)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(filepath.Join(want, rel)); errors.Is(err, fs.ErrNotExist) {
			r.differ(rel, "is there but should not be")
		}
		return nil
	})
}

func (r *Result) compareOne(rel, want, got string) error {
	wi, err := os.Lstat(want)
	if err != nil {
		return err
	}
	gi, err := os.Lstat(got)
	if errors.Is(err, fs.ErrNotExist) {
		r.differ(rel, "is missing")
		return nil
	}
	if err != nil {
		return err
	}
	if wi.Mode() != gi.Mode() {
		r.differ(rel, "mode %v, want %v", gi.Mode(), wi.Mode())
		return nil
	}
	if !wi.ModTime().Equal(gi.ModTime()) {
		r.differ(rel, "modified %v, want %v", gi.ModTime(), wi.ModTime())
	}
	r.compareOwner(rel, wi, gi)
	r.compareXattrs(rel, want, got)
	switch {
	case wi.Mode().IsRegular():
		r.Files++
		r.Bytes += wi.Size()
		return r.compareBytes(rel, want, got)
	case wi.IsDir():
		r.Dirs++
	case wi.Mode()&fs.ModeSymlink != 0:
		r.Others++
		wl, werr := os.Readlink(want)
		gl, gerr := os.Readlink(got)
		if wl != gl {
			r.differ(rel, "points to %q, want %q", gl, wl)
		}
		return errors.Join(werr, gerr)
	default:
		r.Others++
	}
	return nil
}

func (r *Result) compareBytes(rel, want, got string) error {
	w, err := os.Open(want)
	if err != nil {
		return err
	}
	defer w.Close()
	g, err := os.Open(got)
	if err != nil {
		return err
	}
	defer g.Close()
	wb, gb := make([]byte, 256<<10), make([]byte, 256<<10)
	for offset := 0; ; {
		n, werr := io.ReadFull(w, wb)
		m, gerr := io.ReadFull(g, gb)
		if !bytes.Equal(wb[:n], gb[:m]) {
			r.differ(rel, "content differs after byte %d", offset)
			return nil
		}
		offset += n
		if ended(werr) && ended(gerr) {
			return nil
		}
		if werr != nil || gerr != nil {
			return errors.Join(werr, gerr)
		}
	}
}

func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
