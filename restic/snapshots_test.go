package restic

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// manySnapshots makes a repository with snapshots of two hosts, some tags and paths,
// over some weeks.
func manySnapshots(t testing.TB) (s *Session, loc Location, dirs []string) {
	t.Helper()
	s, loc = initLocal(t)
	dirs = []string{writeTree(t, map[string]string{"a": "a"}), writeTree(t, map[string]string{"b": "b"})}
	start := time.Date(2025, 12, 20, 22, 30, 0, 0, time.Local)
	for i := range 30 {
		at := start.Add(time.Duration(i*i) * 53 * time.Minute)
		host := []string{"alpha", "beta"}[i%2]
		var tags []string
		if i%3 == 0 {
			tags = append(tags, "weekly")
		}
		if i%5 == 0 {
			tags = append(tags, "base")
		}
		paths := dirs[:1]
		if i%4 == 3 {
			paths = dirs
		}
		backupAt(t, s, at, host, tags, paths...)
	}
	return s, loc, dirs
}

func TestSnapshotsAgreeWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dirs := manySnapshots(t)
	repo := cliRepo(t, loc)
	all, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(all) != 30 {
		t.Fatalf("%d snapshots, %v", len(all), err)
	}
	for _, tc := range []struct {
		args   []string
		filter SnapshotFilter
	}{
		{nil, SnapshotFilter{}},
		{[]string{"--host", "alpha"}, SnapshotFilter{Hosts: []string{"alpha"}}},
		{[]string{"--tag", "weekly,base", "--tag", ""}, SnapshotFilter{Tags: []TagList{{"weekly", "base"}, {""}}}},
		{[]string{"--path", dirs[1]}, SnapshotFilter{Paths: []string{dirs[1]}}},
		{[]string{"--latest", "2"}, SnapshotFilter{Latest: 2}},
		{[]string{"latest", "--host", "beta"}, SnapshotFilter{IDs: []string{"latest"}, Hosts: []string{"beta"}}},
		{[]string{all[3].ID.String()[:12], all[7].ID.String(), all[3].ID.String()},
			SnapshotFilter{IDs: []string{all[3].ID.String()[:12], all[7].ID.String(), all[3].ID.String()}}},
	} {
		want := cli.MustRun(t, repo, append([]string{"snapshots", "--json"}, tc.args...)...)
		got, err := s.Snapshots(t.Context(), tc.filter)
		if err != nil {
			t.Errorf("%v: %v", tc.args, err)
		}
		sameJSON(t, strings.Join(tc.args, " "), got, want.Stdout)
	}
	want := cli.MustRun(t, repo, "snapshots", "--json", "--group-by", "host,tags", "--latest", "1")
	got, err := s.SnapshotGroups(t.Context(), SnapshotFilter{Latest: 1}, GroupByHost|GroupByTags)
	if err != nil {
		t.Fatal(err)
	}
	sameGroups(t, got, want.Stdout) // restic prints them in no order
}

func sameGroups(t *testing.T, got []SnapshotGroup, want []byte) {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal(want, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != len(got) {
		t.Fatalf("%d groups, want %d", len(got), len(list))
	}
	for _, raw := range list {
		var key struct {
			Key SnapshotGroupKey `json:"group_key"`
		}
		if err := json.Unmarshal(raw, &key); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(got, func(g SnapshotGroup) bool { return g.Key.String() == key.Key.String() })
		if i < 0 {
			t.Errorf("group %v is missing", key.Key)
			continue
		}
		sameJSON(t, key.Key.String(), got[i], []byte(raw))
	}
}

func TestSnapshotsLeavesOutWhatCannotBeRead(t *testing.T) {
	s, loc, _ := manySnapshots(t)
	bad := objects(t, loc, "snapshots")[4]
	damage(t, bad, flip)
	name := bad[strings.LastIndexAny(bad, `/\`)+1:]

	other := openAgain(t, loc)
	list, err := other.Snapshots(t.Context(), SnapshotFilter{})
	var partial *SnapshotsError
	if !errors.As(err, &partial) || len(partial.Items) != 1 || partial.Items[0].Item != name {
		t.Errorf("error %v does not name %s", err, name)
	}
	if len(list) != 29 {
		t.Errorf("%d snapshots, want the other 29", len(list))
	}
	if _, _, err := other.FindSnapshot(t.Context(), "latest", SnapshotFilter{}); err == nil {
		t.Error("a latest snapshot was found though one cannot be read")
	}
	if _, _, err := other.FindSnapshot(t.Context(), list[0].ID.Short(), SnapshotFilter{}); err != nil {
		t.Error(err)
	}
	if _, _, err := other.FindSnapshot(t.Context(), name, SnapshotFilter{}); err == nil || errors.Is(err, ErrNoSnapshot) {
		t.Errorf("the unreadable snapshot: %v", err)
	}
	// what the session has read stays readable
	if list, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil || len(list) != 30 {
		t.Errorf("%d snapshots, %v", len(list), err)
	}
}

func TestFindSnapshot(t *testing.T) {
	s, _, _ := manySnapshots(t)
	all, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	newest := all[len(all)-1]
	for name, want := range map[string]ID{
		"latest":                newest.ID,
		"latest:/some/folder":   newest.ID,
		all[2].ID.String():      all[2].ID,
		all[2].ID.Short():       all[2].ID,
		all[2].ID.Short() + ":": all[2].ID,
	} {
		sn, folder, err := s.FindSnapshot(t.Context(), name, SnapshotFilter{})
		if err != nil || sn.ID != want {
			t.Errorf("%s: %v, %v", name, sn.ID, err)
		}
		if strings.HasSuffix(name, "folder") != (folder == "/some/folder") {
			t.Errorf("%s: folder %q", name, folder)
		}
	}
	sn, _, err := s.FindSnapshot(t.Context(), "latest", SnapshotFilter{Before: all[9].Time})
	if err != nil || sn.ID != all[9].ID {
		t.Errorf("before %v: %v, %v", all[9].Time, sn.Time, err)
	}
	for _, name := range []string{"", ":folder", "f", strings.Repeat("0", 64), "nothex"} {
		f := SnapshotFilter{}
		if name == "f" {
			f.IDs = nil
			name = "latest"
			f.Hosts = []string{"gamma"}
		}
		if _, _, err := s.FindSnapshot(t.Context(), name, f); !errors.Is(err, ErrNoSnapshot) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A count has one meaning: 0 is the default, no limit, and a negative one is all.
func TestNegativeLatestIsNoLimit(t *testing.T) {
	s, _ := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "x"})
	mustBackup(t, s, dir)
	mustBackup(t, s, dir)
	for latest, want := range map[int]int{-1: 2, 0: 2, 1: 1} {
		f := SnapshotFilter{Latest: latest}
		if found, err := s.Snapshots(t.Context(), f); err != nil || len(found) != want {
			t.Errorf("latest %d: %d snapshots, %v", latest, len(found), err)
		}
		groups, err := s.SnapshotGroups(t.Context(), f, GroupByHost)
		if err != nil || len(groups) != 1 || len(groups[0].Snapshots) != want {
			t.Errorf("latest %d: %v, %v", latest, groups, err)
		}
	}
}
