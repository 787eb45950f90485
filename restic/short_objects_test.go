package restic

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// Anybody who can write into the bucket can put a short object there, under the name
// its own SHA-256 gives it. The engine would panic on it in one of its goroutines.
func TestShortObjects(t *testing.T) {
	use := map[string]struct {
		ft  engbackend.FileType
		run func(t *testing.T, s *Session) error
	}{
		"snapshot": {engbackend.SnapshotFile, func(t *testing.T, s *Session) error {
			_, err := s.Snapshots(t.Context(), SnapshotFilter{})
			return err
		}},
		"index": {engbackend.IndexFile, func(t *testing.T, s *Session) error {
			_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{t.TempDir()}})
			return err
		}},
		"lock": {engbackend.LockFile, func(t *testing.T, s *Session) error {
			_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{t.TempDir()}})
			return err
		}},
	}
	for name, u := range use {
		for _, size := range []int{1, 15, 16, 31} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				s, m := initMemory(t)
				planted := m.plant(t, u.ft, []byte(strings.Repeat("x", size)))
				err := u.run(t, s)
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), planted) {
					t.Errorf("the error does not name %s as damaged: %v", planted, err)
				}
			})
		}
	}
}

func TestShortConfig(t *testing.T) {
	for _, size := range []int{0, 1, 31} {
		s, m := initMemory(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		m.plant(t, engbackend.ConfigFile, make([]byte, size))
		_, err := Open(t.Context(), m, testPassword, WithoutCache(), WithRetryFor(0))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "config") {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

// A planted key may not stop the right one from being found, crash the program or eat
// its memory.
func TestPlantedKeys(t *testing.T) {
	planted := map[string][]byte{
		"short":      []byte("x"),
		"not JSON":   []byte(strings.Repeat("x", 100)),
		"short seal": mustJSON(t, engrepository.Key{KDF: "scrypt", N: 2, R: 1, P: 1, Salt: make([]byte, 64), Data: []byte("short")}),
		"much memory": mustJSON(t, engrepository.Key{KDF: "scrypt", N: 1 << 30, R: 1 << 20, P: 1, Salt: make([]byte, 64),
			Data: make([]byte, 64)}),
		"much time":  mustJSON(t, engrepository.Key{KDF: "scrypt", N: 2, R: 1, P: 1 << 29, Salt: make([]byte, 64), Data: make([]byte, 64)}),
		"zero":       mustJSON(t, engrepository.Key{KDF: "scrypt", Salt: make([]byte, 64), Data: make([]byte, 64)}),
		"no salt":    mustJSON(t, engrepository.Key{KDF: "scrypt", N: 2, R: 1, P: 1, Data: make([]byte, 64)}),
		"not scrypt": mustJSON(t, engrepository.Key{KDF: "argon2", N: 2, R: 1, P: 1, Salt: make([]byte, 64), Data: make([]byte, 64)}),
	}
	for name, raw := range planted {
		t.Run(name, func(t *testing.T) {
			s, m := initMemory(t)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			right := m.names(t, engbackend.KeyFile)[0]
			m.plant(t, engbackend.KeyFile, raw)
			s, err := Open(t.Context(), m, testPassword, WithoutCache(), WithRetryFor(0))
			if err != nil {
				t.Fatal("the right key was not found:", err)
			}
			if s.KeyID().String() != right {
				t.Error("opened with key", s.KeyID())
			}
			_ = s.Close()
			if _, err = Open(t.Context(), m, "wrong", WithoutCache(), WithRetryFor(0)); !errors.Is(err, ErrWrongPassword) {
				t.Error(err)
			}
		})
	}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
