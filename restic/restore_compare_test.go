package restic

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestorer "github.com/restic/restic/rwmlink/restorer"
	enguirestore "github.com/restic/restic/rwmlink/uirestore"
)

// TestRestoreOfWhatChangesMeanwhile changes a file between its comparison and the
// moment in which the restorer skips it. The restore must not say that it is right.
func TestRestoreOfWhatChangesMeanwhile(t *testing.T) {
	s, _ := initLocal(t)
	dir := writeTree(t, map[string]string{"a": "first", "b": "second", "c": "third"})
	mustBackup(t, s, dir)
	target := t.TempDir()
	o := RestoreOptions{Snapshot: "latest:" + filepath.ToSlash(dir), Target: target}
	if _, err := s.Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(string(filepath.Separator), "b")
	failed := map[string]error{}
	err := s.inSnapshot(t.Context(), o.Snapshot, o.Filter, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
		ahead, err := newRestoreAhead(ctx, repo, *sn.Tree, &o)
		if err != nil {
			return err
		}
		defer ahead.stop()
		ahead.fail = func(path string, err error) error { failed[path] = err; return nil }
		ahead.selects = func(string, bool) (bool, bool) { return true, true }
		watch := &restoreWatch{unchanged: ahead.unchanged, res: &RestoreResult{}}
		bar := enguirestore.NewProgress(watch, progressInterval)
		defer bar.Finish()
		r := engrestorer.NewRestorer(ahead, sn, engrestorer.Options{Progress: bar})
		r.Error = ahead.error
		r.SelectFilter = func(path string, isDir bool) (bool, bool) {
			if path == victim && ahead.pass == passFiles {
				if err := os.Truncate(filepath.Join(target, "b"), 2); err != nil {
					t.Error(err)
				}
			}
			return ahead.selectItem(path, isDir)
		}
		_, err = r.RestoreTo(ctx, target)
		return err
	})
	if err != nil || len(failed) != 1 || !errors.Is(failed[victim], errChangedMeanwhile) {
		t.Errorf("errors %v, %v", failed, err)
	}
	// once more, undisturbed
	if _, err := s.Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, dir, target)
}
