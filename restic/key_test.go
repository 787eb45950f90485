package restic

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestKeys(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc := initLocal(t)
	first := s.KeyID()
	added, err := s.AddKey(t.Context(), "second password", KeyOptions{User: "me", Host: "here"})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.Keys(t.Context())
	if err != nil || len(keys) != 2 || keys[0].ID != first || !keys[0].Current || keys[1].Current || keys[1].User != "me" || keys[1].Host != "here" ||
		time.Since(keys[1].Created) > time.Minute {
		t.Fatalf("%+v, %v", keys, err)
	}
	if _, err := s.AddKey(t.Context(), "", KeyOptions{}); err == nil {
		t.Error("an empty password was accepted")
	}
	second, err := Open(t.Context(), loc, "second password", WithoutCache())
	if err != nil || second.KeyID() != added {
		t.Fatalf("%v", err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	changed, err := s.ChangePassword(t.Context(), "third password", KeyOptions{})
	if err != nil || s.KeyID() != changed {
		t.Fatalf("%v", err)
	}
	if _, err := Open(t.Context(), loc, testPassword, WithoutCache()); !errors.Is(err, ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	// the session goes on with the new key
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{writeTree(t, map[string]string{"a": "a"})}}); err != nil {
		t.Error(err)
	}
	if _, err := s.RemoveKey(t.Context(), changed.Short()); err == nil {
		t.Error("the key in use was removed")
	}
	for _, name := range []string{"", strings.Repeat("0", 64)} {
		if _, err := s.RemoveKey(t.Context(), name); err == nil {
			t.Errorf("%q was removed", name)
		}
	}
	if id, err := s.RemoveKey(t.Context(), added.Short()); err != nil || id != added {
		t.Errorf("%v, %v", id, err)
	}
	repo := cliRepo(t, loc)
	repo.Password = "third password"
	if out := cli.MustRun(t, repo, "key", "list", "--json"); strings.Count(string(out.Stdout), `"id"`) != 1 {
		t.Errorf("restic lists %s", out.Stdout)
	}
}

func TestMigrate(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, _ := sampleBackup(t, WithRepositoryVersion(1))
	list, err := s.Migrations(t.Context())
	if err != nil || len(list) != 1 || !list[0].Applicable || s.Version() != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := s.Migrate(t.Context(), list[0].Name, MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	if list, err = s.Migrations(t.Context()); err != nil || list[0].Applicable || list[0].Reason == "" || s.Version() != 2 {
		t.Errorf("%+v, version %d, %v", list, s.Version(), err)
	}
	if err := s.Migrate(t.Context(), list[0].Name, MigrateOptions{}); err == nil {
		t.Error("it was migrated again")
	}
	if err := s.Migrate(t.Context(), "nonsense", MigrateOptions{}); err == nil {
		t.Error("an unknown migration was applied")
	}
	// what the same session writes now is compressed
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{writeTree(t, map[string]string{"zeros": strings.Repeat("abc", 1<<20)})}})
	if err != nil || res.DataAddedPacked*2 > res.DataAdded {
		t.Errorf("%d bytes stored as %d, %v", res.DataAdded, res.DataAddedPacked, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cli.MustRun(t, cliRepo(t, loc), "check", "--read-data")
	_ = dir
}

// As in every operation, what the connection retries while Migrate changes the
// repository is among its events.
func TestMigrateReportsRetries(t *testing.T) {
	t.Parallel() // it waits a second
	s, m := initMemory(t, WithRepositoryVersion(1))
	failed := false
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.ConfigFile && !failed {
			failed = true
			return errors.New("503 slow down")
		}
		return nil
	})
	var retries int
	err := s.Migrate(t.Context(), "upgrade_repo_v2", MigrateOptions{OnEvent: func(ev Event) {
		if _, ok := ev.(Retrying); ok {
			retries++
		}
	}})
	if err != nil || !failed || retries != 1 {
		t.Errorf("failed: %v, %d retries reported, %v", failed, retries, err)
	}
}

func TestCaches(t *testing.T) {
	dir := t.TempDir()
	if list, err := ListCaches(filepath.Join(dir, "none"), true); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	s, _, _, _ := sampleBackup(t, WithCacheDir(dir))
	old := filepath.Join(dir, strings.Repeat("ab", 32))
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Now(), time.Now().Add(-31*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	list, err := ListCaches(dir, true)
	if err != nil || len(list) != 2 || list[0].Path != old || list[1].Name != s.ID() || list[1].Bytes == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	removed, err := CleanupCaches(dir, DefaultCacheAge)
	if err != nil || len(removed) != 1 || removed[0].Path != old {
		t.Errorf("%+v, %v", removed, err)
	}
	if list, err := ListCaches(dir, false); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}
