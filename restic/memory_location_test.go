package restic

import (
	"errors"
	"strings"
	"testing"
)

func TestMemory(t *testing.T) {
	loc := Memory()
	if loc.String() == Memory().String() {
		t.Error("two repositories have one name")
	}
	if _, err := Open(t.Context(), loc, testPassword); !errors.Is(err, ErrNoRepository) {
		t.Error(err)
	}
	s, err := Init(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader("kept"), ReaderName: "f"}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = Open(t.Context(), loc, testPassword, WithoutCache()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if got := dumped(t, s, "/f"); got != "kept" {
		t.Errorf("got %q", got)
	}
	if _, err := Init(t.Context(), loc, testPassword); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
}
