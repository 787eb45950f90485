package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3state"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engdata "github.com/restic/restic/rwmlink/data"
	engpack "github.com/restic/restic/rwmlink/pack"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const hiddenWord = "what-the-host-may-not-read"

// A file that can be read as a tree, though restic would not write it so.
const treeLikeFile = `{"nodes":[{"name":"x","type":"file","mode":420,"content":[],"word":"` + hiddenWord + `"}]}`

// callFileATree forges, with what an attacker on the host has, a snapshot of the given
// time whose tree is treeLikeFile, and an index that calls that file's blob a tree.
func (b *sealedBucket) callFileATree(t *testing.T, like Snapshot, at time.Time) (key *engcrypto.Key) {
	t.Helper()
	id := engrestic.Hash([]byte(treeLikeFile))
	packs := map[string][]blobInIndex{}
	s := openAt(t, b.host, WithoutCache())
	defer s.Close()
	forged := false
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		key = repo.Key()
		err := repo.ListBlobs(ctx, func(p engrestic.PackedBlob) {
			kind := p.Type.String()
			if p.ID == id {
				kind, forged = "tree", true
			}
			name := p.PackID.String()
			packs[name] = append(packs[name], called(kind, p))
		})
		if err != nil {
			return err
		}
		sn := &engdata.Snapshot{Time: at, Hostname: like.Hostname, Paths: like.Paths, Tree: &id}
		_, err = engdata.SaveSnapshot(ctx, repo, sn)
		return err
	})
	if err != nil || !forged {
		t.Fatal(forged, err)
	}
	b.putIndex(t, key, packs)
	return key
}

// readCopies returns the text of all blobs that the host can read among the copies.
func (b *sealedBucket) readCopies(t *testing.T, key *engcrypto.Key) (texts []string) {
	t.Helper()
	for _, name := range b.copies(t, "") {
		body, err := b.readCopy(t, name)
		if err != nil {
			t.Fatal(err)
		}
		blobs, _, err := engpack.List(key, bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		for _, blob := range blobs {
			text, err := openSealed(key, body[blob.Offset:blob.Offset+blob.Length])
			if err == nil && blob.IsCompressed() {
				text, err = new(unpacker).decode(text, int(blob.UncompressedLength), nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
	}
	return texts
}

// A forged index that is there before a prune calls a file a tree, and the prune writes
// it as one into a new pack, whose header says so. The pack is not left where the host
// may read, whether the newest snapshots need that tree or another one of the pack.
func TestForgedTreeOpensNoFileData(t *testing.T) {
	for _, dialect := range []string{"aws", "rgw"} {
		for name, later := range map[string]time.Duration{"newest": time.Hour, "beside the newest": -time.Hour} {
			t.Run(fmt.Sprint(dialect, " ", name), func(t *testing.T) {
				t.Parallel()
				b := newSealedRepository(t, dialect, "", s3state.CreateOptions{Sealed: true})
				dir := writeTree(t, map[string]string{"like-a-tree": treeLikeFile, "other": "other"})
				b.backupOf(t, t.TempDir(), dir, BackupOptions{})
				// The second pack of trees has one that stays; the third has those
				// above it.
				for _, files := range []map[string]string{
					{"like-a-tree": "changed", "other": "changed, too", "sub/stays": "stays"}, {"other": "changed again"},
				} {
					for name, text := range files {
						name = filepath.Join(dir, name)
						if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
							t.Fatal(err)
						}
					}
					b.backupOf(t, t.TempDir(), dir, BackupOptions{})
				}
				s := openAt(t, b.host, WithoutCache())
				if _, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}}); err != nil {
					t.Fatal(err)
				}
				list, err := s.Snapshots(t.Context(), SnapshotFilter{})
				if err != nil || len(list) != 1 {
					t.Fatal(list, err)
				}
				_ = s.Close()
				key := b.callFileATree(t, list[0], time.Now().Add(later))

				keeper := openAt(t, b.keeper, WithoutCache())
				var warnings []string
				res, err := keeper.Prune(t.Context(), PruneOptions{MaxUnused: UnusedBytes(0), OnEvent: func(ev Event) {
					if w, ok := ev.(Warning); ok {
						warnings = append(warnings, w.Text)
					}
				}})
				if err != nil || res.Packs.Repack == 0 {
					t.Fatalf("%+v, %v", res, err)
				}
				for _, text := range b.readCopies(t, key) {
					if strings.Contains(text, hiddenWord) {
						t.Errorf("the host reads a file: %s", text)
					}
				}
				if all := strings.Join(warnings, "\n"); !strings.Contains(all, "not left for sealed hosts") || strings.Contains(all, "forged") {
					t.Errorf("warnings: %q", warnings)
				}
				if beside := later < 0; beside != (res.TreePacks > 0) {
					t.Errorf("%d packs were left", res.TreePacks)
				}
			})
		}
	}
}

// What is left has to be a tree as restic writes it, to the byte.
func TestAsResticWrites(t *testing.T) {
	id := strings.Repeat("ab", 32)
	times := `"mtime":"2024-05-06T07:08:09.1+02:00","atime":"2024-05-06T07:08:09Z","ctime":"0001-01-01T00:00:00Z"`
	node := func(name, kind, rest string) string {
		return `{"name":"` + name + `","type":"` + kind + `",` + times + `,"uid":0,"gid":0,` + rest + `}`
	}
	file := node("b", "file", `"content":["`+id+`"]`)
	tree := func(nodes ...string) string { return `{"nodes":[` + strings.Join(nodes, ",") + "]}\n" }
	long := []string{}
	for i := range 3000 {
		long = append(long, node(fmt.Sprintf("n%05d", i), "file", `"content":[]`))
	}
	for name, text := range map[string]string{
		"empty": tree(), "file": tree(file), "many": tree(long...),
		"kinds": tree(node("a", "dir", `"content":null,"subtree":"`+id+`"`), file, node(`c\\n\\\"`, "symlink", `"linktarget":"\u003cx","content":null`)),
		"old":   tree(node("a", "file", `"user":"root","inode":7,"size":3,"links":1,"content":["`+id+`"]`)),
		"raw":   tree(node("a", "symlink", `"linktarget":"\ufffd","linktarget_raw":"/w==","content":null`)),
		"new":   tree(node("a", "file", `"generic_attributes":{"windows.file_attributes":32},"content":[]`)),
	} {
		if !asResticWrites([]byte(text)) {
			t.Errorf("%s does not pass: %.300s", name, text)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "other JSON": `{"word":1}`, "no newline": strings.TrimSpace(tree(file)), "more": tree(file) + "x",
		"space": strings.Replace(tree(file), `,"type"`, `, "type"`, 1), "unknown field": tree(strings.Replace(file, `"uid"`, `"word":"x","uid"`, 1)),
		"order of fields": tree(strings.Replace(file, `"uid":0,"gid":0`, `"gid":0,"uid":0`, 1)), "twice": tree(file, file),
		"order": tree(node("c", "file", `"content":[]`), file), "no name": tree(node("", "file", `"content":[]`)),
		"path": tree(node("a/b", "file", `"content":[]`)), "parent": tree(node("..", "file", `"content":[]`)),
		"kind": tree(node("a", "word", `"content":null`)), "no kind": tree(node("a", "", `"content":null`)),
		"file without a list": tree(node("a", "file", `"content":null`)), "directory without a tree": tree(node("a", "dir", `"content":null`)),
		"key beside the nodes": strings.Replace(tree(file), "]}", `],"word":1}`, 1), "escaped letter": strings.Replace(tree(file), `"b"`, `"\u0062"`, 1),
		"capital digits": strings.Replace(tree(file), id, strings.ToUpper(id), 1),
	} {
		if asResticWrites([]byte(text)) {
			t.Errorf("%s passes: %.300s", name, text)
		}
	}
}
