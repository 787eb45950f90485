package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3state"
	engbackend "github.com/restic/restic/rwmlink/backend"
)

// versionedBucket makes a bucket that keeps versions.
func versionedBucket(t testing.TB, srv *s3test.Server) *s3Location {
	t.Helper()
	loc := newBucket(t, srv).(*s3Location)
	if err := loc.client.EnableVersioning(t.Context(), loc.bucket); err != nil {
		t.Fatal(err)
	}
	return loc
}

// currentObjects is what a state would name. minio-go cannot list versions in a
// tenant's bucket on Ceph RGW.
func currentObjects(t testing.TB, loc *s3Location) []ObjectVersion {
	t.Helper()
	var list []ObjectVersion
	for v, err := range s3state.New(loc.client).Versions(t.Context(), loc.bucket, "") {
		if err != nil {
			t.Fatal(err)
		}
		if v.IsLatest && !v.DeleteMarker {
			list = append(list, ObjectVersion{Key: v.Key, VersionID: v.VersionID, Size: v.Size, LastModified: v.LastModified})
		}
	}
	return list
}

// wreck overwrites every object and then deletes every other one.
func wreck(t testing.TB, loc *s3Location) {
	t.Helper()
	for i, o := range currentObjects(t, loc) {
		evil := strings.Repeat("encrypted by an attacker ", 10)
		if _, err := loc.client.PutObject(t.Context(), loc.bucket, o.Key, strings.NewReader(evil), int64(len(evil)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := loc.client.RemoveObject(t.Context(), loc.bucket, o.Key, minio.RemoveObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func asOfObjects(list []ObjectVersion) iter.Seq[ObjectVersion] { return slices.Values(list) }

// TestAsOf overwrites and deletes everything, and then does everything that reads with
// the repository as it was.
func TestAsOf(t *testing.T) {
	for _, prefix := range []string{"", "deep/down"} {
		t.Run("prefix "+prefix, func(t *testing.T) { testAsOf(t, prefix) })
	}
}

func testAsOf(t *testing.T, prefix string) {
	ctx := t.Context()
	srv := s3test.Start(t)
	loc := versionedBucket(t, srv)
	cacheDir := t.TempDir()
	s, err := Init(ctx, S3(loc.client, loc.bucket, prefix), testPassword, WithCacheDir(cacheDir))
	if err != nil {
		t.Fatal(err)
	}
	dir := writeTree(t, sampleFiles())
	first, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "added"), []byte(noise(300_000, 99)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}}); err != nil {
		t.Fatal(err)
	}
	objects := currentObjects(t, loc) // with the session's lock among them
	if !slices.ContainsFunc(objects, func(o ObjectVersion) bool { return strings.Contains(o.Key, "locks/") }) {
		t.Fatal("no lock to be hidden")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wreck(t, loc)
	live := describe(t, cacheDir)

	past := AsOf(loc.client, loc.bucket, prefix, "as of yesterday", asOfObjects(objects))
	if got := past.String(); !strings.HasSuffix(got, " as of yesterday") {
		t.Error(got)
	}
	if srv.Controlled() {
		srv.ResetRequests(t)
	}
	ro, err := Open(ctx, past, testPassword, WithCacheDir(cacheDir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ro.Close() }()
	readThePast(t, ro, dir, first.SnapshotID)
	refuseTheFuture(t, ro, past)
	if err := ro.Close(); err != nil {
		t.Fatal(err)
	}
	if srv.Controlled() {
		for _, r := range srv.Requests(t) {
			if r.Method != "GET" || !strings.Contains(r.Query, "versionId=") {
				t.Errorf("%s %s?%s was sent", r.Method, r.Path, r.Query)
			}
		}
	}
	after := describe(t, cacheDir)
	for name, text := range live {
		if after[name] != text {
			t.Errorf("the live cache was changed: %s", name)
		}
	}
	copyFromThePast(t, past)
}

func readThePast(t *testing.T, ro *Session, dir string, first ID) {
	t.Helper()
	ctx := t.Context()
	list, err := ro.Snapshots(ctx, SnapshotFilter{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d snapshots, %v", len(list), err)
	}
	check, err := ro.Check(ctx, CheckOptions{ReadData: true})
	if err != nil {
		t.Errorf("check: %+v, %v", check, err)
	}
	target := t.TempDir()
	if _, err := ro.Restore(ctx, RestoreOptions{Snapshot: "latest:" + filepath.ToSlash(dir), Target: target, Verify: true}); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, dir, target)
	var out bytes.Buffer
	if err := ro.Dump(ctx, DumpOptions{Snapshot: "latest", Path: filepath.ToSlash(dir) + "/added"}, &out); err != nil || out.String() != noise(300_000, 99) {
		t.Errorf("dump: %d bytes, %v", out.Len(), err)
	}
	errOf := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"stats":       errOf(ro.Stats(ctx, StatsOptions{Mode: StatsRawData})),
		"ls":          ro.Ls(ctx, LsOptions{Snapshot: "latest"}, LsVisitor{}),
		"find":        ro.Find(ctx, FindOptions{Patterns: []string{"*"}}, func(Found) error { return nil }),
		"diff":        errOf(ro.Diff(ctx, DiffOptions{From: first.String(), To: "latest"}, nil)),
		"dump a tree": ro.Dump(ctx, DumpOptions{Snapshot: "latest", Path: "/"}, io.Discard),
		"cat":         errOf(ro.Cat(ctx, ObjectConfig, "")),
		"keys":        errOf(ro.Keys(ctx)),
		"forget, dry": errOf(ro.Forget(ctx, ForgetOptions{DryRun: true, Policy: Policy{Last: 1}, Prune: &PruneOptions{}})),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if locks, err := ro.Locks(ctx); err != nil || len(locks) != 0 {
		t.Errorf("%d locks, %v", len(locks), err)
	}
}

func refuseTheFuture(t *testing.T, ro *Session, past Location) {
	t.Helper()
	ctx := t.Context()
	errOf := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"backup":       errOf(ro.Backup(ctx, BackupOptions{Paths: []string{t.TempDir()}})),
		"forget":       errOf(ro.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}})),
		"prune":        errOf(ro.Prune(ctx, PruneOptions{})),
		"unlock":       errOf(ro.Unlock(ctx, UnlockOptions{})),
		"tag":          errOf(ro.Tag(ctx, TagOptions{Add: []string{"x"}})),
		"recover":      errOf(ro.Recover(ctx, RecoverOptions{})),
		"add key":      errOf(ro.AddKey(ctx, "x", KeyOptions{})),
		"repair index": errOf(ro.RepairIndex(ctx, RepairIndexOptions{})),
		"init":         errOf(Init(ctx, past, "x")),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// the layers below refuse by themselves, without trying again
	h := engbackend.Handle{Type: engbackend.SnapshotFile, Name: strings.Repeat("ab", 32)}
	for name, err := range map[string]error{
		"save":   ro.stack.Save(ctx, h, engbackend.NewByteReader([]byte("x"), nil)),
		"remove": ro.stack.Remove(ctx, h),
		"delete": ro.stack.Delete(ctx),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func copyFromThePast(t *testing.T, past Location) {
	t.Helper()
	src := openAgain(t, past)
	dst, loc := initLocal(t)
	if _, err := src.CopyTo(t.Context(), dst, CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := dst.CopyTo(t.Context(), src, CopyOptions{}); !errors.Is(err, ErrReadOnly) {
		t.Error("copied into the past:", err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
	resticcli.Current(t).MustRun(t, cliRepo(t, loc), "check", "--read-data")
}

// TestAsOfRefusesForgedObjects lets the list name versions an attacker made: they do
// not hash to their names.
func TestAsOfRefusesForgedObjects(t *testing.T) {
	ctx := t.Context()
	srv := s3test.Start(t)
	loc := versionedBucket(t, srv)
	s, err := Init(ctx, loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(ctx, BackupOptions{Paths: []string{writeTree(t, sampleFiles())}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good := currentObjects(t, loc)
	for _, kind := range []string{"snapshots/", "index/", "data/", "config"} {
		forged := slices.Clone(good)
		for i, o := range forged {
			if !strings.HasPrefix(o.Key, kind) {
				continue
			}
			body := noise(int(o.Size), 5)
			info, err := loc.client.PutObject(ctx, loc.bucket, o.Key, strings.NewReader(body), o.Size, minio.PutObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			forged[i].VersionID = info.VersionID
		}
		err := checkAsOf(ctx, loc, forged)
		if err == nil {
			t.Errorf("forged %s passed", kind)
		}
		if err := checkAsOf(ctx, loc, good); err != nil {
			t.Errorf("good ones beside a forged %s: %v", kind, err)
		}
	}
	// a version that is gone for good is told as such
	gone := slices.Clone(good)
	for i := range gone {
		if strings.HasPrefix(gone[i].Key, "index/") {
			gone[i].VersionID = "00000000000000000000000000000000"
		}
	}
	if err := checkAsOf(ctx, loc, gone); err == nil {
		t.Error("vanished versions went unnoticed")
	}
}

func checkAsOf(ctx context.Context, loc *s3Location, objects []ObjectVersion) error {
	s, err := Open(ctx, AsOf(loc.client, loc.bucket, "", "as of then", slices.Values(objects)), testPassword, WithoutCache(), WithRetryFor(0))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	list, err := s.Snapshots(ctx, SnapshotFilter{})
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("%d snapshots", len(list))
	}
	_, err = s.Check(ctx, CheckOptions{ReadData: true})
	return err
}
