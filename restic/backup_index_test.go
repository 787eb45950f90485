package restic

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/internal/harness"
)

func randomID(rnd *rand.Rand) (id ID) {
	for i := range id {
		id[i] = byte(rnd.Uint32())
	}
	return id
}

func TestKnownIDs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(harness.Seed(t), 0))
	for _, n := range []int{0, 1, 2, 300, 70_000} {
		var set knownIDs
		want := map[ID]bool{}
		lists := make([][]ID, 4)
		for i := range n {
			id := randomID(rnd)
			switch kind := rnd.IntN(4); {
			case i > 2000: // a look among IDs that share two bytes goes through all of them
			case kind == 0:
				id[0], id[1] = 7, 0
			case kind == 1:
				id[0], id[1] = 255, byte(254+rnd.IntN(2))
			}
			want[id] = true
			lists[i%4] = append(lists[i%4], id)
			if rnd.IntN(10) == 0 { // in two indexes
				lists[(i+1)%4] = append(lists[(i+1)%4], id)
			}
		}
		var adding sync.WaitGroup
		for _, list := range lists {
			adding.Go(func() { set.add(list) })
		}
		adding.Wait()
		set.seal()
		for id := range want {
			if !set.has(id) {
				t.Fatalf("%d IDs: %s is missing", n, id)
			}
			other := id
			other[2+rnd.IntN(30)] ^= 1 << rnd.IntN(8)
			if set.has(other) != want[other] {
				t.Fatalf("%d IDs: %s is there", n, other)
			}
			other = id
			other[rnd.IntN(2)] ^= 1 << rnd.IntN(8)
			if set.has(other) != want[other] {
				t.Fatalf("%d IDs: %s is there", n, other)
			}
		}
		if set.len() < len(want) {
			t.Fatalf("%d of %d IDs", set.len(), len(want))
		}
	}
}

// randomIndex makes an index as restic writes it, or with its fields in another order.
func randomIndex(rnd *rand.Rand, odd bool) (text []byte, data map[ID]bool, trees []string) {
	data = map[ID]bool{}
	var packs []string
	for range rnd.IntN(5) {
		pack := randomID(rnd)
		var blobs []string
		at := 0
		for range rnd.IntN(6) {
			id, length := randomID(rnd), 40+rnd.IntN(1000)
			plain, kind := "", "data"
			if rnd.IntN(2) == 0 {
				plain = fmt.Sprintf(`,"uncompressed_length":%d`, length+rnd.IntN(1000))
			}
			if rnd.IntN(2) == 0 {
				kind = "tree"
				trees = append(trees, fmt.Sprintf("%s %s %d %d %s", pack, id, at, length, strings.TrimPrefix(plain, `,"uncompressed_length":`)))
			} else {
				data[id] = true
			}
			blob := fmt.Sprintf(`{"id":%q,"type":%q,"offset":%d,"length":%d%s}`, id, kind, at, length, plain)
			if odd {
				blob = fmt.Sprintf(`{"type":%q,"id":%q,"length":%d,"offset":%d%s}`, kind, id, length, at, plain)
			}
			blobs = append(blobs, blob)
			at += length
		}
		packs = append(packs, fmt.Sprintf(`{"id":%q,"blobs":[%s]}`, pack, strings.Join(blobs, ",")))
	}
	return []byte(`{"packs":[` + strings.Join(packs, ",") + `]}`), data, trees
}

// The engine gets exactly the trees, and the rest is known as data.
func TestSplitIndex(t *testing.T) {
	rnd := rand.New(rand.NewPCG(harness.Seed(t), 0))
	for i := range 300 {
		text, data, trees := randomIndex(rnd, i%3 == 0)
		x := splitIndex{compressed: true}
		if err := x.read(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := map[ID]bool{}
		for _, id := range x.data {
			got[id] = true
		}
		if !maps.Equal(got, data) {
			t.Fatalf("%s:\ndata %v, not %v", text, got, data)
		}
		var found []string
		if len(x.trees) > 0 {
			err := readIndexSlowly(x.text(), func(pack ID, blobs []indexBlob) error {
				for _, b := range blobs {
					plain := ""
					if b.plain != 0 {
						plain = fmt.Sprint(b.plain)
					}
					if !b.tree {
						t.Fatalf("data %s among trees", b.id)
					}
					found = append(found, fmt.Sprintf("%s %s %d %d %s", pack, b.id, b.offset, b.length, plain))
				}
				return nil
			})
			if err != nil || !json.Valid(x.text()) {
				t.Fatalf("%s: %v", x.text(), err)
			}
		}
		if !slices.Equal(found, trees) {
			t.Fatalf("%s:\ntrees %q, not %q", text, found, trees)
		}
	}
}

func TestSplitIndexOfFormat1(t *testing.T) {
	id := randomID(rand.New(rand.NewPCG(1, 2)))
	text := fmt.Sprintf(`{"packs":[{"id":%q,"blobs":[{"id":%q,"type":"data","offset":0,"length":60,"uncompressed_length":80}]}]}`, id, id)
	x := splitIndex{}
	if err := x.read([]byte(text)); err == nil || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("compression in format 1: %v", err)
	}
}

// A backup that has only the IDs of data saves nothing twice, whatever it reads, and
// leaves a session in which everything else finds the whole index.
func TestBackupSavesNothingTwice(t *testing.T) {
	first, m := initMemory(t)
	content := noise(3<<20, 1)
	dir := writeTree(t, map[string]string{"a": content, "sub/b": "small", "sub/c": "another"})
	mustBackup(t, first, dir)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), m, testPassword, WithoutCache(), WithLockDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i, b := range []BackupOptions{
		{Paths: []string{dir}, Force: true, DryRun: true}, // leaves the session without an index
		{Paths: []string{dir}, Force: true},
		{Paths: []string{dir}, Force: true, DryRun: true},
		{Paths: []string{dir}},
		{Reader: strings.NewReader(content), ReaderName: "a"},
	} {
		res, err := s.Backup(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if res.DataBlobs != 0 {
			t.Errorf("backup %d: %d data blobs saved again", i, res.DataBlobs)
		}
		if apart := s.stored != nil && s.stored.data.len() > 0; apart != (i > 0) {
			t.Errorf("backup %d: IDs of data kept apart: %v", i, apart)
		}
	}
	more := writeTree(t, map[string]string{"new": noise(1<<20, 2), "a": content})
	if res := mustBackup(t, s, more); res.DataBlobs == 0 {
		t.Error("new data was not saved")
	}
	if res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{more}, Force: true}); err != nil || res.DataBlobs != 0 {
		t.Errorf("%+v, %v: what this session has saved was saved again", res, err)
	}
	var listed []string
	err = s.ListObjects(t.Context(), ObjectIndex, func(o Object) error {
		listed = append(listed, o.ID.String())
		return nil
	})
	slices.Sort(listed)
	if want := slices.Sorted(slices.Values(m.names(t, engbackend.IndexFile))); err != nil || !slices.Equal(listed, want) {
		t.Errorf("indexes %v, not %v (%v)", listed, want, err)
	}
	if stats, err := s.Stats(t.Context(), StatsOptions{Mode: StatsRawData}); err != nil || stats.TotalSize < 4<<20 {
		t.Errorf("%+v, %v: not all data is known", stats, err)
	}
	if s.stored != nil {
		t.Error("the whole index lacks data")
	}
	if res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{more}, Force: true}); err != nil || res.DataBlobs != 0 {
		t.Errorf("%+v, %v: saved again with the whole index", res, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, m)
}

func TestBackupWithDamagedIndex(t *testing.T) {
	first, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "a"})
	mustBackup(t, first, dir)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	index := m.names(t, engbackend.IndexFile)[0]
	m.change(t, engbackend.Handle{Type: engbackend.IndexFile, Name: index}, flip)
	s, err := Open(t.Context(), m, testPassword, WithoutCache(), WithRetryFor(0), WithLockDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	before := len(m.names(t, engbackend.PackFile))
	_, err = s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Force: true})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "index/"+index) {
		t.Error(err)
	}
	if after := len(m.names(t, engbackend.PackFile)); after != before {
		t.Errorf("%d packs, %d before", after, before)
	}
}

// BenchmarkIndexMemory prints what a blob of the index takes in memory once it is
// loaded, whole as in restic's command and as in a backup, and the seconds of loading
// it: a million blobs in 20 indexes, one of 30 a tree.
//
//	go test ./restic -run '^$' -bench IndexMemory -benchtime 1x
func BenchmarkIndexMemory(b *testing.B) {
	const indexes, packs, blobs = 20, 100, 500
	s, loc := initLocal(b, WithoutCache())
	seal := newSealer(b, loc)
	rnd := rand.New(rand.NewPCG(1, 1))
	for range indexes {
		var text strings.Builder
		text.WriteString(`{"packs":[`)
		for p := range packs {
			kind := "data"
			if p%30 == 0 {
				kind = "tree"
			}
			fmt.Fprintf(&text, `%s{"id":%q,"blobs":[`, []string{"", ","}[min(p, 1)], randomID(rnd))
			for i := range blobs {
				fmt.Fprintf(&text, `%s{"id":%q,"type":%q,"offset":%d,"length":9000,"uncompressed_length":12000}`, []string{"", ","}[min(i, 1)], randomID(rnd), kind, i*9000)
			}
			text.WriteString(`]}`)
		}
		text.WriteString(`]}`)
		seal.put("index", seal.seal([]byte(text.String())))
	}
	var stored *storedBlobs
	for name, a := range map[string]access{"whole": {}, "backup": {stored: &stored}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				repo, stored, err := s.object(b.Context(), s.opts.engine(), a)
				if err == nil {
					err = repo.LoadIndex(b.Context(), nil)
				}
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(heap()-before)/(indexes*packs*blobs), "B/blob")
				runtime.KeepAlive(repo)
				runtime.KeepAlive(stored)
			}
		})
	}
}

// heap returns the bytes in use after a garbage collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
