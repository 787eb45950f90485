package restic

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/s3state"
)

// copies are the names below rwm/trees/.
func (b *sealedBucket) copies(t *testing.T, prefix string) (names []string) {
	t.Helper()
	dir := path.Join(prefix, "rwm/trees") + "/"
	for obj := range b.srv.Client(t, b.srv.Admin).ListObjectsIter(t.Context(), b.name, minio.ListObjectsOptions{Prefix: dir, Recursive: true}) {
		if obj.Err != nil {
			t.Fatal(obj.Err)
		}
		names = append(names, strings.TrimPrefix(obj.Key, dir))
	}
	slices.Sort(names)
	return names
}

// onlyTrees checks that nothing but trees was left where the host may read.
func (b *sealedBucket) onlyTrees(t *testing.T, names []string) {
	t.Helper()
	s := openAt(t, b.admin, WithoutCache())
	defer s.Close()
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		known := map[string]bool{}
		err := repo.ListBlobs(ctx, func(p engrestic.PackedBlob) {
			known[p.PackID.String()] = true
			if p.Type == engrestic.DataBlob && slices.Contains(names, p.PackID.String()) {
				t.Errorf("a copy of pack %s has file data", p.PackID)
			}
		})
		for _, name := range names {
			if !known[name] {
				t.Errorf("a copy of pack %s, which no index has", name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *sealedBucket) prune(t *testing.T, loc Location) *PruneResult {
	t.Helper()
	s := openAt(t, loc, WithoutCache())
	defer s.Close()
	if _, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}}); err != nil {
		t.Fatal(err)
	}
	res, err := s.Prune(t.Context(), PruneOptions{MaxUnused: UnusedBytes(0)})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// counted counts the bytes of answers.
type counted struct{ n atomic.Int64 }

func (c *counted) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		resp.Body = &countedBody{resp.Body, c}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	c *counted
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.c.n.Add(int64(n))
	return n, err
}

// After a prune by the keeper or the admin a sealed host needs one small download: its
// cache is warm, cold or absent, and no file is read again.
func TestPruneLeavesTreesForSealedHosts(t *testing.T) {
	for _, c := range []struct{ dialect, prefix string }{{"aws", ""}, {"rgw", ""}, {"rgw", "hosts/one"}, {"rgw20", ""}} {
		t.Run(fmt.Sprint(c.dialect, c.prefix), func(t *testing.T) {
			t.Parallel()
			b := newSealedRepository(t, c.dialect, c.prefix, s3state.CreateOptions{Sealed: true})
			files := map[string]string{"noise": noise(3<<20, 7), "goes": noise(1<<20, 9)}
			for i := range 40 {
				files[fmt.Sprintf("many/%02d/file", i)] = fmt.Sprint("content ", i)
			}
			dir := writeTree(t, files)
			warm := t.TempDir()
			b.backupOf(t, warm, dir, BackupOptions{})
			for i := range 3 {
				if err := os.WriteFile(filepath.Join(dir, "many", fmt.Sprintf("%02d", i), "file"), []byte("changed"), 0o600); err != nil {
					t.Fatal(err)
				}
				b.backupOf(t, warm, dir, BackupOptions{})
			}
			if err := os.Remove(filepath.Join(dir, "goes")); err != nil {
				t.Fatal(err)
			}
			b.backupOf(t, warm, dir, BackupOptions{})
			if left := b.copies(t, c.prefix); len(left) > 0 {
				t.Errorf("before any prune: %q", left)
			}
			count := &counted{}
			b.host = S3(b.srv.ClientVia(t, b.srv.Host, count), b.name, c.prefix)
			for i, round := range []struct {
				name  string
				by    Location
				cache Option
			}{
				{"warm", b.keeper, WithCacheDir(warm)}, {"cold", b.admin, WithCacheDir(t.TempDir())},
				{"none", b.keeper, WithoutCache()}, {"warm again", b.keeper, WithCacheDir(warm)},
			} {
				res := b.prune(t, round.by)
				left := b.copies(t, c.prefix)
				if len(left) == 0 || int(res.TreePacks) != len(left) || i == 0 && res.Packs.Repack == 0 {
					t.Errorf("%s: left %q, %+v", round.name, left, res)
				}
				b.onlyTrees(t, left)
				count.n.Store(0)
				got, warnings := b.backupWith(t, round.cache, dir, BackupOptions{})
				if len(warnings) > 0 || int(got.FilesUnmodified) != len(files)-1 || got.FilesNew+got.FilesChanged > 0 {
					t.Errorf("%s: %q %+v", round.name, warnings, got)
				}
				if n := count.n.Load(); n > 256<<10 {
					t.Errorf("%s: the host downloaded %d bytes", round.name, n)
				}
			}
			b.restored(t, dir)
		})
	}
}

// A copy that is not what its name says is not believed: the files are read again. The
// next prune puts it right, and removes what does not belong there.
func TestTreesLeftAreVerified(t *testing.T) {
	t.Parallel()
	b := newSealedBucket(t, "rgw")
	dir := writeTree(t, map[string]string{"a/file": "a", "b/c/file": "c"})
	b.backupOf(t, t.TempDir(), dir, BackupOptions{})
	b.prune(t, b.keeper)
	good := b.copies(t, "")
	host := b.srv.Client(t, b.srv.Host)
	put := func(key string) {
		t.Helper()
		if _, err := host.PutObject(t.Context(), b.name, key, strings.NewReader("spoiled"), 7, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range good {
		put("rwm/trees/" + name)
	}
	put("rwm/trees/x/y")
	for _, cache := range []Option{WithCacheDir(t.TempDir()), WithoutCache()} {
		res, warnings := b.backupWith(t, cache, dir, BackupOptions{})
		if res.FilesNew != 2 || res.DataBlobs != 0 || len(warnings) != 1 || !strings.Contains(warnings[0], "sealed") {
			t.Errorf("%+v %q", res, warnings)
		}
	}
	b.prune(t, b.keeper)
	left := b.copies(t, "")
	if slices.Contains(left, "x/y") || len(left) == 0 {
		t.Errorf("left %q", left)
	}
	res, warnings := b.backupOf(t, t.TempDir(), dir, BackupOptions{})
	if res.FilesUnmodified != 2 || len(warnings) > 0 {
		t.Errorf("%+v %q", res, warnings)
	}
	b.restored(t, dir)
}

// Where no host is sealed nothing is copied.
func TestPruneLeavesNoTreesWithoutASeal(t *testing.T) {
	t.Parallel()
	b := newSealedRepository(t, "aws", "", s3state.CreateOptions{})
	dir := writeTree(t, map[string]string{"a/file": "a"})
	b.backupOf(t, t.TempDir(), dir, BackupOptions{})
	if res := b.prune(t, b.keeper); res.TreePacks != 0 || len(b.copies(t, "")) > 0 {
		t.Errorf("%+v", res)
	}
}

// A backup since the last prune has put the newest trees into data/ only. With a cold
// cache the host compares with the snapshot whose trees the prune left: it reads what
// has changed since, and uploads nothing twice.
func TestColdCacheSinceAPrune(t *testing.T) {
	for _, dialect := range []string{"aws", "rgw"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			b := newSealedBucket(t, dialect)
			files := map[string]string{"noise": noise(3<<20, 7)}
			for i := range 40 {
				files[fmt.Sprintf("many/%02d/file", i)] = fmt.Sprint("content ", i)
			}
			dir := writeTree(t, files)
			change := func(name, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, "many", name, "file"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			warm := t.TempDir()
			pruned, _ := b.backupOf(t, warm, dir, BackupOptions{})
			b.prune(t, b.keeper)
			for i := range maxRefused + 3 {
				change("01", fmt.Sprint("the keeper pruned before this ", i))
				if res, warnings := b.backupOf(t, warm, dir, BackupOptions{}); res.FilesChanged != 1 || len(warnings) > 0 {
					t.Fatalf("warm: %+v %q", res, warnings)
				}
			}
			change("02", "new")
			b.srv.ResetRequests(t)
			res, warnings := b.backupOf(t, t.TempDir(), dir, BackupOptions{})
			if res.ParentID != pruned.SnapshotID || res.FilesNew != 0 || res.FilesChanged != 2 || int(res.FilesUnmodified) != len(files)-2 || res.DataBlobs != 1 {
				t.Errorf("cold: %+v", res)
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0], "older snapshot "+pruned.SnapshotID.Short()) {
				t.Errorf("cold: %q", warnings)
			}
			if n := b.uploads(t); n > 2 {
				t.Errorf("%d packs were uploaded", n)
			}
			// Whether anything has changed is asked of the latest snapshot, whatever it
			// takes: here back to what the older one has.
			change("01", "content 1")
			change("02", "content 2")
			res, warnings = b.backupOf(t, t.TempDir(), dir, BackupOptions{SkipIfUnchanged: true})
			if res.SnapshotID.IsZero() || int(res.FilesNew) != len(files) || res.DataBlobs != 0 || len(warnings) != 1 {
				t.Errorf("back: %+v %q", res, warnings)
			}
			b.restored(t, dir)
		})
	}
}
