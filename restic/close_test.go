package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// CloseContext cancels what is running when its own context ends.
func TestCloseContextCancelsWhatRuns(t *testing.T) {
	s, m := initMemory(t)
	reading := make(chan struct{})
	again := strings.NewReader(noise(1<<20, 1))
	rd := readerFunc(func(p []byte) (int, error) {
		if again.Len() == 1<<20 {
			close(reading)
		}
		time.Sleep(time.Millisecond)
		if again.Len() < 1<<10 {
			again.Reset(noise(1<<20-1, 1)) // it has no end
		}
		return again.Read(p[:min(len(p), 512)])
	})
	ended := make(chan error, 1)
	go func() {
		_, err := s.Backup(t.Context(), BackupOptions{Reader: rd})
		ended <- err
	}()
	<-reading
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.CloseContext(ctx); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if left := m.names(t, engbackend.LockFile); len(left) > 0 {
		t.Error("locks are left:", left)
	}
	if _, err := s.Snapshots(t.Context(), SnapshotFilter{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestCloseContextOfAnIdleSession(t *testing.T) {
	s, _ := initMemory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(s.CloseContext(ctx), s.CloseContext(ctx), s.Close()); err != nil {
		t.Error(err)
	}
}

// The error tells a session of the same process from one of another.
func TestLockOfOwnProcess(t *testing.T) {
	s, m := initMemory(t)
	if _, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil {
		t.Fatal(err)
	}
	other, err := Open(t.Context(), m, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	_, err = other.Prune(t.Context(), PruneOptions{})
	var locked *LockedError
	if !errors.As(err, &locked) || !locked.Own || !strings.Contains(err.Error(), "another session of this process") {
		t.Errorf("%+v: %v", locked, err)
	}
	foreign := *locked
	foreign.Own = false
	if strings.Contains(foreign.Error(), "this process") {
		t.Error(foreign.Error())
	}
}

// What a caller may leave nil, or forget, is an error or the default.
func TestNilArguments(t *testing.T) {
	_, m := initMemory(t)
	for what, run := range map[string]func() error{
		"option":        func() error { _, err := Open(t.Context(), m, testPassword, nil); return err },
		"init option":   func() error { _, err := Init(t.Context(), newMemory(), testPassword, nil); return err },
		"location":      func() error { _, err := Open(t.Context(), nil, testPassword); return err },
		"init location": func() error { _, err := Init(t.Context(), nil, testPassword); return err },
		"client":        func() error { _, err := Open(t.Context(), S3(nil, "bucket", ""), testPassword); return err },
		"past client": func() error {
			_, err := Open(t.Context(), AsOf(nil, "bucket", "", "then", func(func(ObjectVersion) bool) {}), testPassword)
			return err
		},
		"session":     func() error { return (*Session)(nil).Close() },
		"file system": func() error { return (*FS)(nil).Close() },
		"operation":   func() error { _, err := (*Session)(nil).Snapshots(t.Context(), SnapshotFilter{}); return err },
		"destination": func() error {
			s, _ := initMemory(t)
			_, err := s.CopyTo(t.Context(), nil, CopyOptions{})
			return err
		},
		"writer": func() error {
			s, _ := initMemory(t)
			if _, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader("x")}); err != nil {
				t.Error(err)
			}
			return s.Dump(t.Context(), DumpOptions{Snapshot: "latest", Path: "/"}, nil)
		},
		"proof": func() error { _, err := Prove(t.Context(), nil, testPassword, ProveOptions{}); return err },
		"needs": func() error { _, _, err := Needs(t.Context(), nil, testPassword, NeedsOptions{}); return err },
		"clock": func() error { _, err := Open(t.Context(), m, testPassword, WithClock(nil)); return err },
	} {
		if err := run(); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if s, err := Open(t.Context(), m, testPassword, WithoutCache(), WithLogger(nil), WithChunkerOf(nil)); err != nil {
		t.Error(err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestExitCodeOfAnEndedContext(t *testing.T) {
	for err, want := range map[error]int{
		context.Canceled:         130,
		context.DeadlineExceeded: 130,
		fmt.Errorf("%w: %w", ErrUnreachable, context.DeadlineExceeded): 1,
	} {
		if got := ExitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

func TestNoPathIsNotExist(t *testing.T) {
	s, _ := initMemory(t)
	if _, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader("x"), ReaderName: "dir/file"}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []DumpOptions{{Snapshot: "latest", Path: "/dir/none"}, {Snapshot: "latest:/none", Path: "/"}} {
		if err := s.Dump(t.Context(), o, io.Discard); !errors.Is(err, ErrNoPath) || !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	if err := s.Dump(t.Context(), DumpOptions{Snapshot: "latest:/dir/file", Path: "/"}, io.Discard); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// A limit that is set while the session is open holds, and one that is lifted does not.
func TestLimitsThatChange(t *testing.T) {
	l := newLimits(0, 0)
	start := time.Now()
	data := make([]byte, 64<<10)
	pass := func(rd io.Reader) time.Duration {
		start = time.Now()
		if n, err := io.Copy(io.Discard, struct{ io.Reader }{rd}); err != nil || n != int64(len(data)) {
			t.Error(n, err)
		}
		return time.Since(start)
	}
	rd := l.Upstream(bytes.NewReader(data)) // made before the limit
	l.set(128, 0)
	if took := pass(rd); took < 250*time.Millisecond { // 64 KiB at 128 KiB/s, 16 of them at once
		t.Errorf("64 KiB took %v", took)
	}
	var out bytes.Buffer
	l.set(0, 128)
	start = time.Now()
	if n, err := l.DownstreamWriter(&out).Write(data); n != len(data) || err != nil || !bytes.Equal(out.Bytes(), data) || time.Since(start) < 250*time.Millisecond {
		t.Error(n, err, time.Since(start))
	}

	s, _ := initMemory(t)
	if err := s.SetLimits(-1, 0); err == nil {
		t.Error("a negative limit was taken")
	}
	if err := s.SetLimits(1, 1); err != nil || s.stack.limits.up.Limit() != 1<<10 || s.stack.limits.down.Limit() != 1<<10 {
		t.Error(err, "the limits are not those of the session")
	}
	if err := s.SetLimits(0, 0); err != nil {
		t.Error(err)
	}
}
