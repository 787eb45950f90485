package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestStatsAgreeWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, _ := sampleBackup(t)
	if err := os.WriteFile(filepath.Join(dir, "work", "report.txt"), []byte("other figures\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "beta", []string{"tag"}, dir)
	backupAt(t, s, time.Now(), "beta", nil, filepath.Join(dir, "work"))
	for _, mode := range []StatsMode{StatsRestoreSize, StatsFilesByContents, StatsBlobsPerFile, StatsRawData} {
		for _, tc := range []struct {
			args []string
			f    SnapshotFilter
		}{
			{nil, SnapshotFilter{}},
			{[]string{"--host", "beta"}, SnapshotFilter{Hosts: []string{"beta"}}},
			{[]string{"latest", "--tag", "tag"}, SnapshotFilter{IDs: []string{"latest"}, Tags: []TagList{{"tag"}}}},
		} {
			want := cli.MustRun(t, cliRepo(t, loc), append([]string{"stats", "--json", "--mode", mode.String()}, tc.args...)...)
			got, err := s.Stats(t.Context(), StatsOptions{Mode: mode, Filter: tc.f})
			if err != nil {
				t.Errorf("%v: %v", mode, err)
				continue
			}
			sameJSON(t, mode.String(), got, want.Stdout)
		}
	}
	if _, err := s.Stats(t.Context(), StatsOptions{Filter: SnapshotFilter{IDs: []string{"12345678"}}}); err == nil {
		t.Error("an unknown snapshot was counted")
	}
}

// TestStatsOfHardLinks counts snapshots that share trees with hard links in them: as
// restic does, and each tree is loaded once. It also does so without room to keep them.
func TestStatsOfHardLinks(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, _ := sampleBackup(t)
	work := filepath.Join(dir, "work")
	for i, pair := range [][2]string{{"a", "deep/b"}, {"a", "deep/er/c"}, {"deep/er/d", "deep/e"}, {"out", "../out"}} {
		from, to := filepath.Join(work, pair[0]), filepath.Join(work, pair[1])
		for _, name := range []string{from, to} {
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := os.Lstat(from); err != nil {
			if err := os.WriteFile(from, make([]byte, 1000<<i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Link(from, to); err != nil {
			t.Skip("no hard links here:", err)
		}
	}
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(dir, "changing"), []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		backupAt(t, s, time.Now(), "beta", nil, dir)
	}
	want := cli.MustRun(t, cliRepo(t, loc), "stats", "--json")
	for _, room := range []int{mostLinksKept, 3, 0} {
		res := &StatsResult{}
		var loads sync.Map
		err := s.run(t.Context(), access{index: true, lists: true}, func(ctx context.Context, repo *engrepository.Repository) error {
			list, err := s.view.choose(ctx, repo, SnapshotFilter{}, s.reporter(nil))
			if err != nil {
				return err
			}
			res.SnapshotsCount = len(list)
			ahead := newTreeAhead(ctx, countedLoads{repo, &loads})
			defer ahead.wait()
			ahead.once = true
			ahead.begin(treeIDs(list))
			c := newRestoreSize(ahead, res)
			c.room = room
			for _, sn := range list {
				if err := c.snapshot(ctx, *sn.Tree); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, fmt.Sprintf("with room for %d", room), res, want.Stdout)
		most := int64(0)
		for _, n := range loads.Range {
			most = max(most, n.(*atomic.Int64).Load())
		}
		if again := room < mostLinksKept; again != (most > 1) {
			t.Errorf("with room for %d links a tree was loaded %d times", room, most)
		}
	}
}

// Trees that name one another again and again, which takes the password, stand for more
// paths than anybody can go through. A history measures snapshots in this way.
func TestStatsOfManyPaths(t *testing.T) {
	loc := wholeRepository(t)
	forged := newSealer(t, loc)
	const deep, size = 60, 7
	linked := fmt.Sprintf(`{"name":"c","type":"file","links":2,"inode":5,"size":%d,"content":[]}`, size)
	trees := []string{`{"nodes":[` + linked + `]}`}
	files := uint64(1)
	for range deep {
		sub := engrestic.Hash([]byte(trees[len(trees)-1])).String()
		trees = append(trees, fmt.Sprintf(`{"nodes":[{"name":"a","type":"dir","subtree":"%s"},{"name":"b","type":"dir","subtree":"%s"},%s]}`, sub, sub, linked))
		files = 2*files + 3
	}
	_, entry := forged.pack("tree", trees...)
	forged.index(entry)
	snapshot := forged.snapshot(engrestic.Hash([]byte(trees[deep])).String())
	s, err := Open(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, room := range []int{mostLinksKept, 3, 0} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		res := &StatsResult{}
		err := s.run(ctx, access{index: true, lists: true}, func(ctx context.Context, repo *engrepository.Repository) error {
			list, err := s.view.choose(ctx, repo, SnapshotFilter{IDs: []string{snapshot}}, s.reporter(nil))
			if err != nil {
				return err
			}
			ahead := newTreeAhead(ctx, repo)
			defer ahead.wait()
			ahead.once = true
			ahead.begin(treeIDs(list))
			c := newRestoreSize(ahead, res)
			c.room = room
			return c.snapshot(ctx, *list[0].Tree)
		})
		cancel()
		if err != nil || res.TotalFileCount != files || res.TotalSize != size {
			t.Errorf("with room for %d: %v, %d files and %d bytes, not %d and %d", room, err, res.TotalFileCount, res.TotalSize, files, size)
		}
	}
}

// countedLoads counts the loads of each tree.
type countedLoads struct {
	blobLoader
	loads *sync.Map
}

func (c countedLoads) LoadBlob(ctx context.Context, kind engrestic.BlobType, id engrestic.ID, buf []byte) ([]byte, error) {
	n, _ := c.loads.LoadOrStore(id, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	return c.blobLoader.LoadBlob(ctx, kind, id, buf)
}

func TestStatsOfAFormat1Repository(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, _, _ := sampleBackup(t, WithRepositoryVersion(1))
	want := cli.MustRun(t, cliRepo(t, loc), "stats", "--json", "--mode", "raw-data")
	got, err := s.Stats(t.Context(), StatsOptions{Mode: StatsRawData})
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, "raw-data", got, want.Stdout)
}

// Trees nested deeper than any file system has them are refused: the paths of all that
// lie above one another would take gigabytes.
func TestStatsOfDeepTrees(t *testing.T) {
	loc := wholeRepository(t)
	forged := newSealer(t, loc)
	name := strings.Repeat("n", 255)
	trees := []string{`{"nodes":[]}`}
	for range 3000 {
		sub := engrestic.Hash([]byte(trees[len(trees)-1])).String()
		trees = append(trees, fmt.Sprintf(`{"nodes":[{"name":"%s","type":"dir","subtree":"%s"}]}`, name, sub))
	}
	_, entry := forged.pack("tree", trees...)
	forged.index(entry)
	snapshot := forged.snapshot(engrestic.Hash([]byte(trees[len(trees)-1])).String())
	s, err := Open(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = s.Stats(t.Context(), StatsOptions{Filter: SnapshotFilter{IDs: []string{snapshot}}})
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; !errors.Is(err, ErrDamaged) || took > 200 {
		t.Errorf("%d MiB, %v", took, err)
	}
}
