package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// packs returns the data packs and the tree packs of a repository.
func packs(t testing.TB, s *Session, loc Location) (data, trees []string) {
	t.Helper()
	kinds := make(map[ID]BlobType)
	if err := s.ListObjects(t.Context(), ObjectBlob, func(o Object) error {
		kinds[o.Pack] = o.Blob
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, file := range objects(t, loc, "data") {
		id, err := ParseID(filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if kinds[id] == BlobTree {
			trees = append(trees, file)
		} else {
			data = append(data, file)
		}
	}
	return data, trees
}

func TestCheckFindsDamage(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, _ := sampleBackup(t)
	data, trees := packs(t, s, loc)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rel := func(file string) string { return strings.TrimPrefix(file, loc.String()) }
	first := func(kind string) string { return rel(objects(t, loc, kind)[0]) }
	noise := filepath.ToSlash(filepath.Join(dir, "music", "noise.bin"))

	for _, tc := range []struct {
		name   string
		file   string
		change func([]byte) []byte
		read   bool
		want   []FindingKind // all kinds that are to be found
		hit    string        // a path that must be reported
		code   int           // of the restic command
	}{
		{name: "sound", code: 0},
		{name: "sound, read", read: true, code: 0},
		{name: "data pack missing", file: rel(data[0]), change: remove, want: []FindingKind{PackMissing}, hit: noise, code: 1},
		{name: "data pack cut", file: rel(data[0]), change: cut, want: []FindingKind{PackSizeWrong, BlobDamaged}, hit: noise, code: 1},
		{name: "data pack altered, not read", file: rel(data[0]), change: flip, code: 0},
		{name: "data pack altered, read", file: rel(data[0]), change: flip, read: true, want: []FindingKind{PackDamaged, BlobDamaged}, hit: noise, code: 1},
		{name: "tree pack altered", file: rel(trees[0]), change: flip, want: []FindingKind{TreeUnreadable}, hit: "/", code: 1},
		{name: "tree pack missing", file: rel(trees[0]), change: remove, want: []FindingKind{PackMissing, TreeUnreadable}, hit: "/", code: 1},
		{name: "index missing", file: first("index"), change: remove, want: []FindingKind{PackNotIndexed, TreeUnreadable}, hit: "/", code: 1},
		{name: "index altered", file: first("index"), change: flip, want: []FindingKind{IndexUnreadable}, code: 1},
		{name: "index short", file: first("index"), change: func([]byte) []byte { return []byte("short") }, want: []FindingKind{IndexUnreadable}, code: -1},
		{name: "snapshot altered", file: first("snapshots"), change: flip, want: []FindingKind{SnapshotUnreadable}, code: 1},
		{name: "snapshot missing", file: first("snapshots"), change: remove, code: 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := copyRepository(t, loc)
			cache := WithCacheDir(t.TempDir())
			warm := openAgain(t, bad, cache) // damage must be seen past this cache
			if _, err := warm.Stats(t.Context(), StatsOptions{Mode: StatsRawData}); err != nil {
				t.Fatal(err)
			}
			if err := warm.Close(); err != nil {
				t.Fatal(err)
			}
			if tc.file != "" {
				damage(t, bad.String()+tc.file, tc.change)
			}
			checked := openAgain(t, bad, cache)
			seen := 0
			res, err := checked.Check(t.Context(), CheckOptions{ReadData: tc.read, OnEvent: func(ev Event) {
				if _, ok := ev.(CheckFinding); ok {
					seen++
				}
			}})
			damaged := slices.ContainsFunc(res.Findings, Finding.Damage)
			if damaged != errors.Is(err, ErrDamaged) || (err != nil) != damaged || seen != len(res.Findings) {
				t.Fatalf("error %v, %d events, findings %v", err, seen, res.Findings)
			}
			if got := kinds(res); !slices.Equal(got, sorted(tc.want)) {
				t.Errorf("found %v, want %v\n%v", got, tc.want, res.Findings)
			}
			hits := ""
			for _, a := range res.Affected {
				if a.Count != len(a.Paths) {
					t.Errorf("%d paths of %d", len(a.Paths), a.Count)
				}
				hits += strings.Join(a.Paths, "\n")
			}
			if tc.hit != "" && !strings.Contains(hits, tc.hit) || tc.hit == "" && hits != "" {
				t.Errorf("affected %q, want %q", hits, tc.hit)
			}
			if tc.read && res.PacksRead != res.Packs {
				t.Errorf("%d of %d packs read", res.PacksRead, res.Packs)
			}
			if err := checked.Close(); err != nil {
				t.Fatal(err)
			}
			if tc.code < 0 {
				return // restic crashes on it
			}
			args := []string{"check"}
			if tc.read {
				args = append(args, "--read-data")
			}
			if out := cli.Run(t, cliRepo(t, bad), args...); out.Code != tc.code {
				t.Errorf("restic's exit code is %d, not %d: %s", out.Code, tc.code, out.Stderr)
			}
		})
	}
}

func kinds(res *CheckResult) []FindingKind {
	var list []FindingKind
	for _, f := range res.Findings {
		list = append(list, f.Kind)
	}
	return sorted(list)
}

func sorted(list []FindingKind) []FindingKind {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func TestCheckTrustsTheCacheWhenTold(t *testing.T) {
	s, loc, _, _ := sampleBackup(t)
	if _, err := s.Stats(t.Context(), StatsOptions{}); err != nil {
		t.Fatal(err)
	}
	_, trees := packs(t, s, loc)
	damage(t, trees[0], func(raw []byte) []byte { return flip(raw) })
	if _, err := s.Check(t.Context(), CheckOptions{WithCache: true}); err != nil {
		t.Errorf("with the warm cache: %v", err)
	}
	if _, err := s.Check(t.Context(), CheckOptions{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("past the cache: %v", err)
	}
}

func TestCheckFilterAndSubset(t *testing.T) {
	s, loc := initLocal(t)
	sound := writeTree(t, map[string]string{"a": noise(2<<20, 1)})
	spoilt := writeTree(t, map[string]string{"b": noise(2<<20, 2)})
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{sound}, Host: "alpha"})
	if err != nil {
		t.Fatal(err)
	}
	before := objects(t, loc, "data")
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{spoilt}, Host: "beta"}); err != nil {
		t.Fatal(err)
	}
	for _, file := range objects(t, loc, "data") {
		if info, err := os.Stat(file); err == nil && info.Size() > 1<<20 && !slices.Contains(before, file) {
			damage(t, file, flip)
		}
	}
	for _, f := range []SnapshotFilter{{Hosts: []string{"alpha"}}, {IDs: []string{res.SnapshotID.Short()}}} {
		r, err := s.Check(t.Context(), CheckOptions{ReadData: true, Filter: f})
		if err != nil || r.Snapshots != 1 || r.PacksRead == 0 || r.PacksRead >= r.Packs {
			t.Errorf("%+v: %d snapshots, %d of %d packs, %v", f, r.Snapshots, r.PacksRead, r.Packs, err)
		}
	}
	if _, err := s.Check(t.Context(), CheckOptions{ReadData: true, Filter: SnapshotFilter{Hosts: []string{"beta"}}}); !errors.Is(err, ErrDamaged) {
		t.Errorf("the damaged one: %v", err)
	}
	calls := 0
	none := SubsetFunc(func(ID) bool { calls++; return false })
	if r, err := s.Check(t.Context(), CheckOptions{ReadData: true, Subset: none}); err != nil || r.PacksRead != 0 || calls != r.Packs {
		t.Errorf("none chosen of %d: %+v %v", calls, r, err)
	}
	if _, err := s.Check(t.Context(), CheckOptions{ReadData: true, Subset: SubsetFunc(nil)}); err == nil {
		t.Error("a subset without a function is taken")
	}
	found, read, total := 0, 0, 0
	for n := uint(1); n <= 4; n++ {
		r, err := s.Check(t.Context(), CheckOptions{ReadData: true, Subset: SubsetPart(n, 4)})
		if errors.Is(err, ErrDamaged) {
			found++
		}
		read += r.PacksRead
		total = r.Packs
	}
	if found != 1 || read != total {
		t.Errorf("the parts together read %d of %d packs, %d found the damage", read, total, found)
	}
	if _, err := s.Check(t.Context(), CheckOptions{Filter: SnapshotFilter{IDs: []string{"12345678"}}}); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("unknown snapshot: %v", err)
	}
}

func TestReadSubset(t *testing.T) {
	all := make(map[engrestic.ID]int64)
	for i := range 200 {
		all[engrestic.Hash([]byte{byte(i)})] = 1000
	}
	for text, want := range map[string]int{"25%": 50, "0.1%": 1, "100%": 200, "50000": 50, "1": 1, "10G": 200} {
		sub, err := ParseReadSubset(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := len(sub.selectFrom(all)); got != want {
			t.Errorf("%s: %d packs, want %d", text, got, want)
		}
	}
	if n := len(SubsetPercent(50).selectFrom(nil)); n != 0 {
		t.Errorf("%d packs of none", n)
	}
	for _, text := range []string{"", "0/3", "4/3", "1/257", "1/2/3", "-1/2", "0%", "101%", "NaN%", "0", "x"} {
		if _, err := ParseReadSubset(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// TestCheckBesideABackup looks that a check does not take what a running backup has
// uploaded for damage.
func TestCheckBesideABackup(t *testing.T) {
	s, loc, _, _ := sampleBackup(t)
	other := openAgain(t, loc)
	err := other.run(t.Context(), access{write: true, index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		_, err := s.Check(ctx, CheckOptions{})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A check that is cancelled while packs are read finds no damage in what it could not
// read. Whether the engine still tells is left to chance, so it is asked several times.
func TestCheckCancelled(t *testing.T) {
	s, m := initMemory(t)
	mustBackup(t, s, writeTree(t, map[string]string{"a": noise(1<<16, 1)}))
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		m.before(func(op string, h engbackend.Handle) error {
			if op == "load" && h.Type == engbackend.PackFile && !h.IsMetadata {
				cancel()
				return ctx.Err()
			}
			return nil
		})
		res, err := s.Check(ctx, CheckOptions{ReadData: true})
		if !errors.Is(err, context.Canceled) || ctx.Err() == nil || len(res.Findings) != 0 {
			t.Fatalf("%+v, %v", res, err)
		}
	}
}

// An attacker who can write can fill a bucket with packs that no index knows: a check
// counts them all, tells each, and holds a thousand.
func TestCheckHoldsAThousandFindings(t *testing.T) {
	s, m := initMemory(t)
	mustBackup(t, s, writeTree(t, map[string]string{"a": noise(1<<16, 1)}))
	const strangers = maxBroken + 200
	for i := range strangers {
		m.plant(t, engbackend.PackFile, fmt.Appendf(nil, "no pack of this repository, number %d", i))
	}
	told := 0
	res, err := s.Check(t.Context(), CheckOptions{OnEvent: func(ev Event) {
		if _, ok := ev.(CheckFinding); ok {
			told++
		}
	}})
	if err != nil || !res.SuggestPrune || res.Errors != 0 || res.Untidy != strangers || told != strangers || len(res.Findings) != maxBroken {
		t.Fatalf("%d told, %d listed of %d and %d, %v", told, len(res.Findings), res.Untidy, res.Errors, err)
	}
	// What is damage is not pushed out by them.
	for _, name := range m.names(t, engbackend.PackFile) {
		id, err := ParseID(name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(res.Findings, func(f Finding) bool { return f.Pack == id }) {
			continue
		}
		if err := m.Remove(t.Context(), engbackend.Handle{Type: engbackend.PackFile, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	res, err = s.Check(t.Context(), CheckOptions{})
	if !errors.Is(err, ErrDamaged) || res.Errors == 0 || res.Untidy != maxBroken || len(res.Findings) != maxBroken+res.Errors {
		t.Errorf("%d listed of %d and %d, %v", len(res.Findings), res.Untidy, res.Errors, err)
	}
}
