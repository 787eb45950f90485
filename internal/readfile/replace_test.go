package readfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestReplaceable(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{"file": "file", "free": "free", ".": ""}
	for name, to := range map[string]string{
		"link": "file", "links": "link", "absolute": at("file"), "dangling": "nothing",
		"stdout": "/proc/self/fd/1", "outer": "stdout", "loop": "loop",
	} {
		if os.Symlink(to, at(name)) != nil {
			t.Skip("no links here")
		}
	}
	for name, want := range map[string]string{
		"link": "file", "links": "file", "absolute": "file", "dangling": "nothing", "stdout": "", "outer": "", "loop": "",
	} {
		cases[name] = want
	}
	if mkfifo, err := exec.LookPath("mkfifo"); err == nil && exec.Command(mkfifo, at("pipe")).Run() == nil {
		cases["pipe"] = ""
	}
	for name, want := range cases {
		got, err := Replaceable(at(name))
		if want == "" && !errors.Is(err, ErrNoFile) || want != "" && (err != nil || got != at(want)) {
			t.Errorf("%s: %q %v, want %q", name, got, err, want)
		}
	}
}
