package restic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3state"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// indexed is what an attacker on the host finds in the index.
type indexed struct {
	key   *engcrypto.Key
	data  map[string]bool                   // packs with file data
	trees map[string][]engrestic.PackedBlob // packs without, and what is in them
}

func (b *sealedBucket) indexed(t *testing.T) (x indexed) {
	t.Helper()
	x.data, x.trees = map[string]bool{}, map[string][]engrestic.PackedBlob{}
	s := openAt(t, b.host, WithoutCache())
	defer s.Close()
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		x.key = repo.Key()
		return repo.ListBlobs(ctx, func(p engrestic.PackedBlob) {
			if name := p.PackID.String(); p.Type == engrestic.TreeBlob {
				x.trees[name] = append(x.trees[name], p)
			} else {
				x.data[name] = true
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// blobInIndex is a blob as the JSON of an index has it.
type blobInIndex struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Offset uint   `json:"offset"`
	Length uint   `json:"length"`
	Plain  uint   `json:"uncompressed_length,omitempty"`
}

// called returns the entry of a blob that claims to be of this type.
func called(kind string, p engrestic.PackedBlob) blobInIndex {
	return blobInIndex{p.ID.String(), kind, p.Offset, p.Length, p.UncompressedLength}
}

// forgeIndex replaces all indexes, with the host's keys and the password, by one that
// claims of each pack of file data that all trees are in it, too.
func (b *sealedBucket) forgeIndex(t *testing.T, x indexed) {
	t.Helper()
	packs := map[string][]blobInIndex{}
	var all []blobInIndex
	for name, held := range x.trees {
		for _, h := range held {
			packs[name] = append(packs[name], called("tree", h))
		}
		all = append(all, packs[name]...)
	}
	for name := range x.data {
		packs[name] = all
	}
	b.putIndex(t, x.key, packs)
}

// putIndex makes one of these packs the only index, as the host can.
func (b *sealedBucket) putIndex(t *testing.T, key *engcrypto.Key, packs map[string][]blobInIndex) {
	t.Helper()
	var list []any
	for name, blobs := range packs {
		list = append(list, map[string]any{"id": name, "blobs": blobs})
	}
	text, err := json.Marshal(map[string]any{"packs": list})
	if err != nil {
		t.Fatal(err)
	}
	nonce := engcrypto.NewRandomNonce()
	file := key.Seal(slices.Clone(nonce), nonce, text, nil)
	host := b.srv.Client(t, b.srv.Host)
	for obj := range host.ListObjectsIter(t.Context(), b.name, minio.ListObjectsOptions{Prefix: "index/", Recursive: true}) {
		if obj.Err != nil {
			t.Fatal(obj.Err)
		}
		if err := host.RemoveObject(t.Context(), b.name, obj.Key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256(file)
	if _, err := host.PutObject(t.Context(), b.name, "index/"+hex.EncodeToString(sum[:]), bytes.NewReader(file), int64(len(file)), minio.PutObjectOptions{SendContentMd5: true}); err != nil {
		t.Fatal(err)
	}
}

// leave does what the keeper does at the end of a prune.
func (b *sealedBucket) leave(t *testing.T, cache Option) (left uint, warnings []string) {
	t.Helper()
	s := openAt(t, b.keeper, cache)
	defer s.Close()
	rep := s.reporter(func(ev Event) {
		if w, ok := ev.(Warning); ok {
			warnings = append(warnings, w.Text)
		}
	})
	res := &PruneResult{}
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		keep, err := s.view.load(ctx, repo, nil)
		if err != nil {
			return err
		}
		return s.leaveTrees(ctx, keep, res, rep)
	})
	rep.stop()
	if err != nil {
		t.Fatal(err)
	}
	return res.TreePacks, warnings
}

// leaveAsBefore copies packs of file data to where the host may read, as a prune did
// before it looked at packs.
func (b *sealedBucket) leaveAsBefore(t *testing.T, x indexed) {
	t.Helper()
	admin := b.srv.Client(t, b.srv.Admin)
	for name := range x.data {
		_, err := admin.CopyObject(t.Context(), minio.CopyDestOptions{Bucket: b.name, Object: "rwm/trees/" + name},
			minio.CopySrcOptions{Bucket: b.name, Object: "data/" + name[:2] + "/" + name})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readCopy returns what the host can read of a copy.
func (b *sealedBucket) readCopy(t *testing.T, name string) ([]byte, error) {
	t.Helper()
	obj, err := b.srv.Client(t, b.srv.Host).GetObject(t.Context(), b.name, "rwm/trees/"+name, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	return io.ReadAll(obj)
}

// fileData fails if the host can read a pack of file data from among the copies.
func (b *sealedBucket) fileData(t *testing.T, x indexed) {
	t.Helper()
	for _, name := range b.copies(t, "") {
		if body, err := b.readCopy(t, name); err == nil && x.data[name] && len(body) > 0 {
			t.Errorf("the host reads %d bytes of file data in %s", len(body), name)
		}
	}
}

// An attacker on a sealed host, who has its keys and the password, replaces the index
// by one that calls packs of file data packs of trees. The keeper's prune does not
// leave them where the host may read, neither if it begins with that index nor if the
// index is replaced while it prunes; what an earlier one has left so goes.
func TestForgedIndexOpensNoFileData(t *testing.T) {
	for _, dialect := range []string{"aws", "rgw"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			b := newSealedRepository(t, dialect, "", s3state.CreateOptions{Sealed: true})
			var x indexed
			// Of the packs that are said to hold a tree the first by name is chosen.
			for i := 0; ; i++ {
				b.backupOf(t, t.TempDir(), writeTree(t, map[string]string{"a/secret": fmt.Sprint("secret ", i)}), BackupOptions{})
				x = b.indexed(t)
				first, n := "", 0
				for name := range x.data {
					if first == "" || name < first {
						first = name
					}
				}
				for name := range x.trees {
					if first < name {
						n++
					}
				}
				if n > 0 {
					break
				}
				if i > 60 {
					t.Fatal("no pack of file data comes first")
				}
			}
			// The prune has read the index before it was replaced.
			b.forgeIndex(t, x)
			b.leaveAsBefore(t, x)
			_, warnings := b.leave(t, WithoutCache())
			if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "forged") }) {
				t.Errorf("warnings: %q", warnings)
			}
			b.fileData(t, x)

			s := openAt(t, b.keeper, WithoutCache())
			defer s.Close()
			_, err := s.Prune(t.Context(), PruneOptions{})
			t.Logf("pruning with the forged index: %v", err)
			b.fileData(t, x)
		})
	}
}

// Where a tree or a pack cannot be read, what was left before is looked at all the
// same: a host could spoil one to keep what it should not have. What passes stays, so
// that no host reads all its files again for it.
func TestUnreadableTreesOpenNoFileData(t *testing.T) {
	for name, cached := range map[string]bool{"the tree": false, "the pack": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newSealedRepository(t, "rgw", "", s3state.CreateOptions{Sealed: true})
			good := writeTree(t, map[string]string{"a/file": "stays"})
			b.backupOf(t, t.TempDir(), good, BackupOptions{})
			before := b.indexed(t)
			b.backupOf(t, t.TempDir(), writeTree(t, map[string]string{"a/secret": "secret"}), BackupOptions{})
			x := b.indexed(t)
			cache := WithoutCache()
			if cached {
				cache = WithCacheDir(t.TempDir())
			}
			if left, warnings := b.leave(t, cache); left != 2 || len(warnings) > 0 {
				t.Fatalf("left %d, %q", left, warnings)
			}
			b.leaveAsBefore(t, x)
			host := b.srv.Client(t, b.srv.Host)
			for pack := range x.trees {
				if _, old := before.trees[pack]; old {
					continue
				}
				if _, err := host.PutObject(t.Context(), b.name, "data/"+pack[:2]+"/"+pack, strings.NewReader("spoiled"), 7, minio.PutObjectOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			left, warnings := b.leave(t, cache)
			if left != 1 || len(warnings) == 0 || !strings.Contains(warnings[0], "not all of the newest trees") || !cached && (len(warnings) != 2 || !strings.Contains(warnings[1], "had been left")) {
				t.Errorf("left %d, %q", left, warnings)
			}
			if got := b.copies(t, ""); len(got) != 1 || before.trees[got[0]] == nil {
				t.Errorf("left %q", got)
			}
			b.fileData(t, x)
			if res, warnings := b.backupOf(t, t.TempDir(), good, BackupOptions{}); res.FilesUnmodified != 1 || len(warnings) > 0 {
				t.Errorf("%+v %q", res, warnings)
			}
		})
	}
}
