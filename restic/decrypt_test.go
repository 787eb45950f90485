package restic

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// What is stored as snapshot, index and config can be read wherever it was found; what
// is altered, cut or another repository's cannot.
func TestDecrypt(t *testing.T) {
	dir := t.TempDir()
	s, err := Init(t.Context(), Local(dir), "one", WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	source := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(source, bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	_, err = s.Backup(t.Context(), BackupOptions{Paths: []string{source}, Time: at, Tags: []string{"t"}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Init(t.Context(), Local(t.TempDir()), "two", WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()

	for _, pattern := range []string{"config", "snapshots/*", "index/*"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(files) == 0 {
			t.Fatalf("no %s", pattern)
		}
		for _, file := range files {
			sealed, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := s.Decrypt(t.Context(), sealed)
			if err != nil || !json.Valid(plain) {
				t.Errorf("%s: %v %q", pattern, err, plain)
			}
			for name, bad := range map[string][]byte{"cut": sealed[:len(sealed)-1], "short": sealed[:5], "empty": nil, "altered": flip(sealed)} {
				if _, err := s.Decrypt(t.Context(), bad); !errors.Is(err, ErrDamaged) {
					t.Errorf("%s %s: %v", name, pattern, err)
				}
			}
			if _, err := other.Decrypt(t.Context(), sealed); !errors.Is(err, ErrDamaged) {
				t.Errorf("another repository's %s: %v", pattern, err)
			}
		}
	}
}

// A few bytes must not unpack to what fills the memory.
func TestDecryptBounded(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	for _, c := range []struct {
		plain []byte
		ok    bool
	}{
		{bytes.Repeat([]byte(`{"a":1}`), 1000), true},
		{make([]byte, 64<<20), false},
	} {
		packed := enc.EncodeAll(c.plain, []byte{2})
		plain, err := new(unpacker).unpack(packed, min(maxUnsealed, 64*len(packed)+1<<20))
		if c.ok != (err == nil) || c.ok && !bytes.Equal(plain, c.plain) {
			t.Errorf("%d bytes from %d: %v", len(c.plain), len(packed), err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	var u unpacker
	f.Add([]byte(`{"a":1}`))
	f.Add([]byte{2, 0x28, 0xb5, 0x2f, 0xfd, 4, 0, 0x11, 0, 0, '{', '}', 0, 0, 0, 0})
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, text []byte) {
		plain, err := u.unpack(text, 1<<20)
		if len(plain) > 1<<20 {
			t.Errorf("%d bytes", len(plain))
		}
		if err == nil && text[0] != 2 && !bytes.Equal(plain, text) {
			t.Errorf("%q became %q", text, plain)
		}
	})
}
