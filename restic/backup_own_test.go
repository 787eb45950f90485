package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

// A dump that ran into a deadline of its own has failed. Nobody interrupted the backup,
// and what watches it by exit codes has to hear of that.
func TestStreamWithItsOwnDeadline(t *testing.T) {
	s, _ := initMemory(t)
	late := fmt.Errorf("dump: %w", context.DeadlineExceeded)
	rd := func() io.Reader { return io.MultiReader(bytes.NewReader([]byte("half")), iotest.ErrReader(late)) }
	for what, o := range map[string]BackupOptions{
		"reader": {Reader: rd()},
		"files":  {Files: func(yield func(FileHeader, io.ReadCloser) bool) { yield(FileHeader{Path: "/dump"}, io.NopCloser(rd())) }},
		"header": {Files: func(yield func(FileHeader, io.ReadCloser) bool) { yield(FileHeader{Err: late}, nil) }},
	} {
		_, err := s.Backup(t.Context(), o)
		if !errors.Is(err, late) || Interrupted(err) || ExitCode(err) != 1 {
			t.Errorf("%s: interrupted %t, exit code %d: %v", what, Interrupted(err), ExitCode(err), err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Backup(ctx, BackupOptions{Reader: readFunc(func([]byte) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})})
	if !Interrupted(err) || ExitCode(err) != 130 {
		t.Errorf("the deadline of the backup: exit code %d: %v", ExitCode(err), err)
	}
	mustHaveSnapshots(t, s, 0)
}

// nothingFS has a file that is read by a function.
type nothingFS struct {
	fstest.MapFS
	read readFunc
}

func (n nothingFS) Open(name string) (fs.File, error) {
	f, err := n.MapFS.Open(name)
	if name == "f" && err == nil {
		return nothingFile{f, n.read}, nil
	}
	return f, err
}

type nothingFile struct {
	fs.File
	read readFunc
}

func (n nothingFile) Read(p []byte) (int, error) { return n.read(p) }

// A Read that returns, with nothing, does not keep a cancelled backup from its end, and
// is not called again afterwards.
func TestCancelReadsOfNothing(t *testing.T) {
	s, _ := initMemory(t)
	for _, what := range []string{"reader", "files", "fs"} {
		ctx, cancel := context.WithCancel(t.Context())
		nothing := readFunc(func([]byte) (int, error) {
			cancel()
			return 0, nil
		})
		o := map[string]BackupOptions{
			"reader": {Reader: nothing},
			"files":  {Files: func(yield func(FileHeader, io.ReadCloser) bool) { yield(FileHeader{Path: "/f"}, io.NopCloser(nothing)) }},
			"fs":     {FS: nothingFS{fstest.MapFS{"f": {Data: []byte("x")}}, nothing}},
		}[what]
		ended := make(chan error, 1)
		go func() {
			_, err := s.Backup(ctx, o)
			ended <- err
		}()
		select {
		case err := <-ended:
			if !Interrupted(err) || errors.Is(err, ErrReaderBusy) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the backup does not end", what)
		}
	}
}
