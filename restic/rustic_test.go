package restic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3state"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// rewritten replaces a file of the repository that is not in a pack by one with other
// JSON, and returns its name.
func (b *sealedBucket) rewritten(t *testing.T, key *engcrypto.Key, old string, doc map[string]any) string {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	nonce := engcrypto.NewRandomNonce()
	file := key.Seal(slices.Clone(nonce), nonce, text, nil)
	client, name := b.srv.Client(t, b.srv.Admin), old
	if dir, _, found := strings.Cut(old, "/"); found {
		sum := sha256.Sum256(file)
		name = dir + "/" + hex.EncodeToString(sum[:])
	}
	if _, err := client.PutObject(t.Context(), b.name, name, bytes.NewReader(file), int64(len(file)), minio.PutObjectOptions{SendContentMd5: true}); err != nil {
		t.Fatal(err)
	}
	if name != old {
		if err := client.RemoveObject(t.Context(), b.name, old, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// likeRustic gives config, indexes and snapshots the fields that rustic has beyond
// restic's: settings in the config, times and sizes of packs, packs marked for deletion,
// labels, descriptions and figures of a snapshot.
func (b *sealedBucket) likeRustic(t *testing.T) {
	t.Helper()
	type file struct {
		name string
		doc  map[string]any
	}
	var files []file
	var key *engcrypto.Key
	s := openAt(t, b.admin, WithoutCache())
	defer s.Close()
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		key = repo.Key()
		load := func(kind engrestic.FileType, id engrestic.ID, name string) error {
			text, err := repo.LoadUnpacked(ctx, kind, id)
			doc := map[string]any{}
			if err == nil {
				err = json.Unmarshal(text, &doc)
			}
			files = append(files, file{name, doc})
			return err
		}
		if err := load(engrestic.ConfigFile, engrestic.ID{}, "config"); err != nil {
			return err
		}
		for dir, kind := range map[string]engrestic.FileType{"index": engrestic.IndexFile, "snapshots": engrestic.SnapshotFile} {
			err := repo.List(ctx, kind, func(id engrestic.ID, _ int64) error { return load(kind, id, dir+"/"+id.String()) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const at = "2026-11-20T12:34:56.789012345+01:00"
	for _, f := range files {
		switch dir, _, _ := strings.Cut(f.name, "/"); dir {
		case "config":
			for name, value := range map[string]any{
				"chunker": "rabin", "chunk_size": 1 << 20, "chunk_min_size": 512 << 10, "chunk_max_size": 8 << 20, "append_only": false, "compression": 3,
				"treepack_size": 4 << 20, "treepack_growfactor": 32, "datapack_size_limit": uint32(1<<32 - 1), "min_packsize_tolerate_percent": 30, "extra_verify": true,
			} {
				f.doc[name] = value
			}
		case "index":
			packs := f.doc["packs"].([]any)
			for _, p := range packs {
				p.(map[string]any)["time"], p.(map[string]any)["size"] = at, 12345
			}
			gone := strings.Repeat("ab", 32)
			f.doc["packs_to_delete"] = []any{map[string]any{"id": gone, "time": at, "blobs": []any{map[string]any{"id": gone, "type": "data", "offset": 0, "length": 100}}}}
		case "snapshots":
			f.doc["program_version"], f.doc["label"], f.doc["description"], f.doc["time"] = "rustic v0.10.0", "daily", "by rustic", at
			f.doc["delete"] = map[string]any{"After": "2036-11-20T12:34:56+01:00"}
			f.doc["summary"] = map[string]any{
				"files_new": 2, "files_changed": 0, "files_unmodified": 0, "total_files_processed": 2, "total_bytes_processed": 10, "total_dirsize_processed": 99, "dirs_new": 1,
				"data_blobs": 2, "tree_blobs": 2, "data_added": 10, "data_added_packed": 12, "data_added_trees_packed": 4, "command": "rustic backup /data",
				"backup_start": at, "backup_end": at, "backup_duration": 1.25, "total_duration": 1.5,
			}
		}
		b.rewritten(t, key, f.name, f.doc)
	}
}

// A repository of rustic has restic's format with further fields in config, indexes and
// snapshots. It opens, holds together, is backed up into, pruned and restored.
func TestRepositoryOfRustic(t *testing.T) {
	t.Parallel()
	b := newSealedRepository(t, "aws", "", s3state.CreateOptions{})
	dir := writeTree(t, map[string]string{"a/file": "one", "b": "two"})
	b.backupOf(t, t.TempDir(), dir, BackupOptions{})
	b.likeRustic(t)

	proof, err := Prove(t.Context(), b.admin, testPassword, ProveOptions{PackHeaders: true}, WithoutCache())
	if err != nil || proof.Verdict != Proved {
		t.Errorf("%+v, %v", proof, err)
	}
	s := openAt(t, b.admin, WithoutCache())
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != 1 || list[0].ProgramVersion != "rustic v0.10.0" {
		t.Errorf("%+v, %v", list, err)
	}
	check, err := s.Check(t.Context(), CheckOptions{ReadData: true})
	if err != nil || len(check.Findings) > 0 {
		t.Errorf("%+v, %v", check, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if res, warnings := b.backupOf(t, t.TempDir(), dir, BackupOptions{}); res.FilesUnmodified != 2 || res.DataBlobs != 0 || len(warnings) > 0 {
		t.Errorf("%+v %q", res, warnings)
	}
	b.prune(t, b.keeper)
	b.restored(t, dir)
}
