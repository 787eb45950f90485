//go:build unix

package resticflags

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe that nobody writes into does not outlive the run that reads it.
func TestPipesEndWithTheRun(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadText(ctx, pipe); !errors.Is(err, context.Canceled) {
		t.Errorf("reading text: %v", err)
	}
	for _, flag := range []string{"--files-from", "--files-from-verbatim", "--files-from-raw"} {
		if _, err := parse(t, flag, pipe).Options(ctx, nil, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	silent, w := io.Pipe()
	defer w.Close() //nolint:errcheck // never fails
	if _, err := parse(t, "--files-from", "-").Options(ctx, nil, silent, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("standard input: %v", err)
	}
	o, err := parse(t, "--stdin").Options(ctx, nil, silent, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Reader.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("data from standard input: %v", err)
	}
}
