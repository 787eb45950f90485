package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A dump that fails before its first byte, as of a misspelt path, leaves an earlier one
// alone, and makes no file.
func TestFailedDumpLeavesTheFileAlone(t *testing.T) {
	missing := errors.New("no such path")
	dir := t.TempDir()
	old, none := filepath.Join(dir, "old"), filepath.Join(dir, "none")
	if err := os.WriteFile(old, []byte("earlier dump"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{old, none} {
		err := resticDumpCmd{Target: name}.toFile(t.Context(), func(io.Writer) error { return missing })
		if !errors.Is(err, missing) {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "earlier dump" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a file was made")
	}
	// An empty file is dumped as one.
	for _, content := range []string{"", "new"} {
		err := resticDumpCmd{Target: old}.toFile(t.Context(), func(w io.Writer) error {
			if content == "" {
				return nil
			}
			_, err := io.WriteString(w, content)
			return err
		})
		if text, rerr := os.ReadFile(old); err != nil || rerr != nil || string(text) != content {
			t.Errorf("%q %v %v", text, err, rerr)
		}
	}
}
