package restic

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/fixtures"
)

// Repositories that the restic command has made are read whole.
func TestRepositoriesOfTheRealRestic(t *testing.T) {
	for version, name := range map[uint]string{1: "v1", 2: "v2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Local(fixtures.Repository(t, name)), fixtures.Password, WithoutCache())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			res, err := s.Check(t.Context(), CheckOptions{ReadData: true})
			if err != nil || res.Snapshots != 2 || s.Version() != version {
				t.Fatalf("version %d, %+v %v", s.Version(), res, err)
			}
			target := t.TempDir()
			if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: "latest", Target: target}); err != nil {
				t.Fatal(err)
			}
			for name, want := range fixtures.Files() {
				got, err := os.ReadFile(filepath.Join(target, "source", filepath.FromSlash(name)))
				if err != nil || string(got) != want {
					t.Errorf("%s: %q %v", name, got, err)
				}
			}
		})
	}
}

// Damage is seen by check and by prove, and called the same.
func TestDamagedRepositoriesOfTheRealRestic(t *testing.T) {
	for name, want := range map[string]FindingKind{
		"pack-missing": PackMissing, "pack-cut": PackSizeWrong, "pack-altered": PackDamaged,
		"index-altered": IndexUnreadable, "snapshot-altered": SnapshotUnreadable,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc := Local(fixtures.Repository(t, name))
			s, err := Open(t.Context(), loc, fixtures.Password, WithoutCache())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			res, err := s.Check(t.Context(), CheckOptions{ReadData: true})
			if !errors.Is(err, ErrDamaged) || !slices.Contains(kinds(res), want) {
				t.Errorf("check: %v %+v", err, res)
			}
			if name == "pack-altered" {
				return // prove reads no data
			}
			proof, err := Prove(t.Context(), loc, fixtures.Password, ProveOptions{}, WithoutCache())
			if !errors.Is(err, ErrBroken) || proof.Verdict != Broken {
				t.Errorf("prove: %v %+v", err, proof)
			}
		})
	}
	if names := fixtures.Damaged(); len(names) != 5 {
		t.Errorf("a damage without a test: %s", strings.Join(names, " "))
	}
}
