package restic

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestDumpAgreesWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, root := sampleBackup(t)
	repo := cliRepo(t, loc)
	for _, tc := range []struct {
		args []string
		o    DumpOptions
	}{
		{[]string{root, "/music/noise.bin"}, DumpOptions{Snapshot: root, Path: "/music/noise.bin"}},
		{[]string{"latest", filepath.ToSlash(dir) + "/work/report.txt"}, DumpOptions{Snapshot: "latest", Path: filepath.ToSlash(dir) + "/work/report.txt"}},
		{[]string{root, "/"}, DumpOptions{Snapshot: root, Path: "/"}},
		{[]string{root, "/work"}, DumpOptions{Snapshot: root, Path: "/work"}},
		{[]string{root, "work/deep/"}, DumpOptions{Snapshot: root, Path: "work/deep/"}},
		{[]string{root, "-a", "zip", "/odd"}, DumpOptions{Snapshot: root, Path: "/odd", Archive: ArchiveZip}},
	} {
		want := cli.MustRun(t, repo, append([]string{"dump"}, tc.args...)...).Stdout
		var got bytes.Buffer
		if err := s.Dump(t.Context(), tc.o, &got); err != nil {
			t.Errorf("%v: %v", tc.args, err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%v: %d bytes differ from restic's %d", tc.args, got.Len(), len(want))
		}
	}
}

func TestDumpStreamsATar(t *testing.T) {
	s, _, dir, root := sampleBackup(t)
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(s.Dump(t.Context(), DumpOptions{Snapshot: root, Path: "/"}, w)) }()
	files := 0
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		files++
		got, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(h.Name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v", h.Name, len(got), len(want), err)
		}
	}
	if files != len(names(t, dir)) {
		t.Errorf("%d files, want %d", files, len(names(t, dir)))
	}
}

type failingWriter struct{ after int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, errInjected
	}
	return len(p), nil
}

func TestDumpRefusesAndFails(t *testing.T) {
	s, _, _, root := sampleBackup(t)
	for name, o := range map[string]DumpOptions{
		"no snapshot": {Path: "/"}, "no path": {Snapshot: root}, "no such path": {Snapshot: root, Path: "/work/none"},
		"below a file": {Snapshot: root, Path: "/work/report.txt/x"}, "a link": {Snapshot: root, Path: "/work/link"},
		"format": {Snapshot: root, Path: "/", Archive: 7},
	} {
		var out bytes.Buffer
		if err := s.Dump(t.Context(), o, &out); err == nil || out.Len() > 0 {
			t.Errorf("%s: %d bytes, %v", name, out.Len(), err)
		}
	}
	var out bytes.Buffer
	if err := s.Dump(t.Context(), DumpOptions{Snapshot: root, Path: "/work", FileOnly: true}, &out); !errors.Is(err, ErrIsDir) || out.Len() > 0 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	for _, p := range []string{"/", "/music/noise.bin"} {
		if err := s.Dump(t.Context(), DumpOptions{Snapshot: root, Path: p}, &failingWriter{after: 1 << 20}); !errors.Is(err, errInjected) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := ParseArchiveFormat("rar"); err == nil || !strings.Contains(err.Error(), "rar") {
		t.Errorf("%v", err)
	}
}
