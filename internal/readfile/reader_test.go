package readfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	content := make([]byte, 3<<20)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	broken := errors.New("broken")
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(rd io.Reader) io.Reader { return rd }, "halves": iotest.HalfReader, "data with its end": iotest.DataErrReader,
		"broken": func(rd io.Reader) io.Reader { return io.MultiReader(rd, iotest.ErrReader(broken)) },
	} {
		rd := Reader(t.Context(), wrap(bytes.NewReader(content)))
		got, err := io.ReadAll(iotest.HalfReader(rd))
		if !bytes.Equal(got, content) || name == "broken" && err != broken || name != "broken" && err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if n, again := rd.Read(make([]byte, 1)); n != 0 || again == nil {
			t.Errorf("%s: read past the end: %d %v", name, n, again)
		}
		_ = rd.Close()
	}
	if err := iotest.TestReader(Reader(t.Context(), bytes.NewReader(content)), content); err != nil {
		t.Error(err)
	}
}

// A pipe that stays silent does not outlast the context, nor does its reader touch the
// caller's memory afterwards.
func TestReaderOfASilentPipe(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close() //nolint:errcheck // a pipe
	ctx, cancel := context.WithCancel(t.Context())
	rd := Reader(ctx, pr)
	go func() { _, _ = pw.Write([]byte("hello")); cancel() }()
	got, err := io.ReadAll(rd)
	if (string(got) != "hello" && len(got) != 0) || !errors.Is(err, context.Canceled) {
		t.Errorf("%q %v", got, err)
	}
}
