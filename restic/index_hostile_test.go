//go:build !windows

package restic

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// A forged index with other lengths of blobs spoils no file that is restored: the true
// lengths are found beside it, and without another index the file is an error.
func TestRestoreWithFalseLengths(t *testing.T) {
	s, loc := initLocal(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big"), []byte(noise(12<<20, 9)), 0o600); err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "one", nil, dir)
	trees, data := make(map[string][]map[string]any), make(map[string][]map[string]any)
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		return repo.ListBlobs(ctx, func(pb engrestic.PackedBlob) {
			packs, more := trees, uint(0)
			if pb.Type == engrestic.DataBlob {
				packs, more = data, 4096
			}
			packs[pb.PackID.String()] = append(packs[pb.PackID.String()], map[string]any{"id": pb.ID.String(), "type": pb.Type.String(),
				"offset": pb.Offset, "length": pb.Length, "uncompressed_length": pb.DataLength() + more})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	f := newSealer(t, loc)
	old, err := filepath.Glob(filepath.Join(f.dir, "index", "*"))
	if err != nil || len(old) == 0 {
		t.Fatal(old, err)
	}
	var forged []string
	for _, packs := range []map[string][]map[string]any{trees, data} {
		for name, entries := range packs {
			forged = append(forged, filepath.Join(f.dir, "index", f.index(map[string]any{"id": name, "blobs": entries})))
		}
	}
	for range 8 { // which index counts is by chance
		target := t.TempDir()
		o := RestoreOptions{Snapshot: "latest:" + dir, Target: target, Verify: true}
		for range 2 { // into nothing, and over what is there
			if _, err := openAgain(t, loc, WithoutCache()).Restore(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			sameFiles(t, dir, target)
		}
		for i, name := range forged { // another name, another order
			text, err := openSealed(f.key, readFile(t, name))
			if err != nil || os.Remove(name) != nil {
				t.Fatal(err)
			}
			forged[i] = filepath.Join(f.dir, "index", f.put("index", f.seal(text)))
		}
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openAgain(t, loc, WithoutCache()).Restore(t.Context(), RestoreOptions{Snapshot: "latest:" + dir, Target: t.TempDir()}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
