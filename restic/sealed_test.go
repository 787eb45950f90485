package restic

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/internal/harness/treecmp"
	"github.com/cesnet/rwm/s3state"
)

// sealedBucket is a bucket whose host is sealed, as the host and as the admin see it.
type sealedBucket struct {
	srv    *s3test.Server
	name   string
	host   Location
	keeper Location
	admin  Location
}

func newSealedBucket(t *testing.T, dialect string) *sealedBucket {
	t.Helper()
	return newSealedRepository(t, dialect, "", s3state.CreateOptions{Sealed: true})
}

// newSealedRepository is newSealedBucket with a repository at a prefix, and with a
// bucket made in another way.
func newSealedRepository(t *testing.T, dialect, prefix string, o s3state.CreateOptions) *sealedBucket {
	t.Helper()
	srv := s3test.Start(t, s3test.Dialect(dialect))
	b := &sealedBucket{srv: srv, name: srv.Bucket(t)}
	admin := srv.Client(t, srv.Admin)
	o.Keeper = srv.Host2.Name
	if _, err := s3state.New(admin).Create(t.Context(), b.name, srv.Host.Name, o); err != nil {
		t.Fatal(err)
	}
	b.host, b.admin = S3(srv.Client(t, srv.Host), b.name, prefix), S3(admin, b.name, prefix)
	b.keeper = S3(srv.Client(t, srv.Host2), b.name, prefix)
	s, err := Init(t.Context(), b.host, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

func openAt(t *testing.T, loc Location, opts ...Option) *Session {
	t.Helper()
	s, err := Open(t.Context(), loc, testPassword, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// uploads counts the packs that were written since the last ResetRequests.
func (b *sealedBucket) uploads(t *testing.T) (n int) {
	t.Helper()
	for _, r := range b.srv.Requests(t) {
		if r.Method == "PUT" && strings.Contains(r.Path, "/data/") {
			n++
		}
	}
	return n
}

// backupOf makes a backup and returns the warnings.
func (b *sealedBucket) backupOf(t *testing.T, cache, dir string, o BackupOptions) (*BackupResult, []string) {
	t.Helper()
	return b.backupWith(t, WithCacheDir(cache), dir, o)
}

func (b *sealedBucket) backupWith(t *testing.T, cache Option, dir string, o BackupOptions) (*BackupResult, []string) {
	t.Helper()
	s := openAt(t, b.host, cache)
	defer s.Close()
	var warnings []string
	o.Paths = []string{dir}
	o.OnEvent = func(ev Event) {
		switch ev := ev.(type) {
		case Warning:
			warnings = append(warnings, ev.Text)
		case BackupError:
			t.Errorf("%s: %v", ev.Path, ev.Err)
		}
	}
	res, err := s.Backup(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res, warnings
}

// restored is compared with what was backed up, by the admin.
func (b *sealedBucket) restored(t *testing.T, dir string) {
	t.Helper()
	s := openAt(t, b.admin, WithoutCache())
	defer s.Close()
	if res, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil || res.Errors != 0 {
		t.Fatalf("check: %+v, %v", res, err)
	}
	target := t.TempDir()
	if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: "latest:" + dir, Target: target}); err != nil {
		t.Fatal(err)
	}
	if diff, err := treecmp.Compare(dir, target); err != nil || !diff.Equal() {
		t.Errorf("restored: %v %v", diff, err)
	}
}

// A sealed host backs up: with a warm cache as ever, with a cold one by reading its
// files again. Nothing is uploaded twice, nothing is called damaged, and one warning
// says why it took longer.
func TestBackupOfASealedHost(t *testing.T) {
	for _, dialect := range []string{"aws", "rgw", "rgw20"} {
		for _, plain := range []bool{false, true} { // the archiver alone, or behind the walker
			t.Run(fmt.Sprint(dialect, plain), func(t *testing.T) {
				t.Parallel()
				b := newSealedBucket(t, dialect)
				files := map[string]string{"gone/file": "deleted later", "keep/deep/er/file": "kept", "noise": noise(3<<20, 7)}
				for i := range 40 {
					files[fmt.Sprintf("many/%02d/file", i)] = fmt.Sprint("content ", i)
				}
				dir := writeTree(t, files)
				warm := t.TempDir()
				first, warnings := b.backupOf(t, warm, dir, BackupOptions{WithAtime: plain})
				if len(warnings) > 0 {
					t.Errorf("first: %q", warnings)
				}
				again, warnings := b.backupOf(t, warm, dir, BackupOptions{WithAtime: plain})
				if len(warnings) > 0 || again.FilesUnmodified != first.FilesNew {
					t.Errorf("warm: %q %+v", warnings, again)
				}
				b.srv.ResetRequests(t)
				cold, warnings := b.backupOf(t, t.TempDir(), dir, BackupOptions{WithAtime: plain})
				if cold.ParentID != again.SnapshotID || cold.FilesNew != first.FilesNew || cold.DataBlobs != 0 || cold.FilesUnmodified != 0 {
					t.Errorf("cold: %+v", cold)
				}
				// The directories above, where other tests work, may have changed.
				if above := strings.Count(dir, "/"); !plain && cold.TreeBlobs > above || b.uploads(t) > 1 {
					t.Errorf("%d packs were uploaded, with %d trees", b.uploads(t), cold.TreeBlobs)
				}
				if len(warnings) != 1 || !strings.Contains(warnings[0], "sealed") {
					t.Errorf("cold: %q", warnings)
				}
				// What is gone meanwhile is not taken over from a tree that cannot be
				// read.
				if err := os.Remove(filepath.Join(dir, "gone/file")); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "keep/deep/er/file"), []byte("changed"), 0o600); err != nil {
					t.Fatal(err)
				}
				if _, warnings = b.backupOf(t, t.TempDir(), dir, BackupOptions{WithAtime: plain}); len(warnings) != 1 {
					t.Errorf("changed: %q", warnings)
				}
				b.restored(t, dir)
			})
		}
	}
}

// A part of the parent's trees is in the cache, the rest is not.
func TestBackupOfASealedHostWithHalfACache(t *testing.T) {
	t.Parallel()
	b := newSealedBucket(t, "aws")
	dir := writeTree(t, map[string]string{"a/file": "a", "b/file": "b", "b/c/file": "c", "empty/now": "x"})
	b.backupOf(t, t.TempDir(), filepath.Join(dir, "b"), BackupOptions{})
	cache := t.TempDir()
	b.backupOf(t, t.TempDir(), dir, BackupOptions{}) // b's trees are in the first one's pack
	if err := os.Remove(filepath.Join(dir, "empty/now")); err != nil {
		t.Fatal(err)
	}
	// This one's pack has the root's tree, and those of b and a are elsewhere.
	b.backupOf(t, cache, dir, BackupOptions{Force: true})
	res, warnings := b.backupOf(t, cache, dir, BackupOptions{})
	if len(warnings) != 1 || res.DataBlobs != 0 || res.TreeBlobs > strings.Count(dir, "/") {
		t.Errorf("%q %+v", warnings, res)
	}
	b.restored(t, dir)
}

// What needs file data says that the host is sealed; nothing is called damaged, and
// nothing is written.
func TestSealedHostReadsNothing(t *testing.T) {
	t.Parallel()
	b := newSealedBucket(t, "aws")
	dir := writeTree(t, map[string]string{"a/file": "a", "b": noise(1<<20, 3)})
	first, _ := b.backupOf(t, t.TempDir(), dir, BackupOptions{})
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, _ := b.backupOf(t, t.TempDir(), dir, BackupOptions{})
	ids := []ID{first.SnapshotID, second.SnapshotID}
	other, _ := initLocal(t)
	ctx := t.Context()
	for name, needs := range map[string]func(s *Session) error{
		"restore": func(s *Session) error {
			_, err := s.Restore(ctx, RestoreOptions{Snapshot: "latest", Target: t.TempDir()})
			return err
		},
		"dump": func(s *Session) error {
			return s.Dump(ctx, DumpOptions{Snapshot: "latest", Path: "/"}, &bytes.Buffer{})
		},
		"ls": func(s *Session) error { return s.Ls(ctx, LsOptions{Snapshot: "latest"}, LsVisitor{}) },
		"find": func(s *Session) error {
			return s.Find(ctx, FindOptions{Patterns: []string{"b"}}, func(Found) error { return nil })
		},
		"diff": func(s *Session) error {
			_, err := s.Diff(ctx, DiffOptions{From: ids[0].String(), To: ids[1].String()}, nil)
			return err
		},
		"check":      func(s *Session) error { _, err := s.Check(ctx, CheckOptions{}); return err },
		"check data": func(s *Session) error { _, err := s.Check(ctx, CheckOptions{ReadData: true}); return err },
		"prune":      func(s *Session) error { _, err := s.Prune(ctx, PruneOptions{}); return err },
		"prune dry":  func(s *Session) error { _, err := s.Prune(ctx, PruneOptions{DryRun: true}); return err },
		"copy":       func(s *Session) error { _, err := s.CopyTo(ctx, other, CopyOptions{}); return err },
		"stats":      func(s *Session) error { _, err := s.Stats(ctx, StatsOptions{}); return err },
		"rewrite": func(s *Session) error {
			_, err := s.Rewrite(ctx, RewriteOptions{Patterns: Patterns{Excludes: []string{"b"}}, Forget: true})
			return err
		},
		"repair index": func(s *Session) error {
			_, err := s.RepairIndex(ctx, RepairIndexOptions{ReadAllPacks: true})
			return err
		},
		"repair snapshots": func(s *Session) error {
			_, err := s.RepairSnapshots(ctx, RepairSnapshotsOptions{Forget: true})
			return err
		},
		"recover": func(s *Session) error { _, err := s.Recover(ctx, RecoverOptions{}); return err },
		"stat":    func(s *Session) error { _, err := s.Stat(ctx, "latest", dir); return err },
		"mount":   func(s *Session) error { _, err := s.FS(ctx, "latest"); return err },
		"reader":  func(s *Session) error { _, err := s.Reader(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, b.host, WithCacheDir(t.TempDir()))
			b.srv.ResetRequests(t)
			err := needs(s)
			if !errors.Is(err, ErrSealed) || !errors.Is(err, ErrAccessDenied) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrIncomplete) {
				t.Errorf("%v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "storage-unseal "+b.name)) {
				t.Errorf("%v", err)
			}
			if code := ExitCode(err); code != 1 {
				t.Errorf("exit code %d", code)
			}
			for _, r := range b.srv.Requests(t) {
				if r.Method != "GET" && r.Method != "HEAD" && !strings.Contains(r.Path, "/locks/") {
					t.Errorf("%s %s", r.Method, r.Path)
				}
			}
		})
	}
	// What needs none works.
	s := openAt(t, b.host, WithCacheDir(t.TempDir()))
	if _, err := s.Tag(ctx, TagOptions{Add: []string{"x"}}); err != nil {
		t.Error(err)
	}
	list, err := s.Snapshots(ctx, SnapshotFilter{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	res, err := s.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}, Prune: &PruneOptions{}})
	if err != nil || len(res.Removed) != 1 || res.Prune != nil || !res.PruneLeft {
		t.Errorf("forget: %+v %v", res, err)
	}
	// Once it is unsealed, everything is as for any other host.
	if _, err := s3state.New(b.srv.Client(t, b.srv.Admin)).Unseal(ctx, b.name, s3state.UnsealOptions{For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, b.host, WithoutCache())
	if _, err := s.Check(ctx, CheckOptions{ReadData: true}); err != nil {
		t.Error(err)
	}
	if _, err := s.Prune(ctx, PruneOptions{}); err != nil {
		t.Error(err)
	}
}

// Credentials that may not read for another reason are not called sealed. The pattern
// has no key of the repository in it, whose names are hexadecimal.
func TestRefusedIsNotSealed(t *testing.T) {
	t.Parallel()
	b := newSealedBucket(t, "aws")
	dir := writeTree(t, map[string]string{"a": "a"})
	b.backupOf(t, t.TempDir(), dir, BackupOptions{})
	admin := b.srv.Client(t, b.srv.Admin)
	policy, err := admin.GetBucketPolicy(t.Context(), b.name)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.SetBucketPolicy(t.Context(), b.name, strings.ReplaceAll(policy, "/data/*", "/dat*")); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, b.host, WithoutCache())
	_, err = s.Restore(t.Context(), RestoreOptions{Snapshot: "latest", Target: t.TempDir()})
	if err == nil || errors.Is(err, ErrSealed) {
		t.Errorf("%v", err)
	}
}
