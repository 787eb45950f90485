package restic

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// slowLocation is a local repository each request to which takes a while, and which
// lists packs of data that are not there.
type slowLocation struct {
	localLocation
	delay    time.Duration
	packs    []engbackend.FileInfo
	requests *atomic.Int64
}

func (l *slowLocation) backend(ctx context.Context, o *options, create bool) (engbackend.Backend, error) {
	be, err := l.localLocation.backend(ctx, o, create)
	return &slowBackend{be, l}, err
}

type slowBackend struct {
	engbackend.Backend
	l *slowLocation
}

func (b *slowBackend) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(io.Reader) error) error {
	b.l.requests.Add(1)
	time.Sleep(b.l.delay)
	return b.Backend.Load(ctx, h, length, offset, fn)
}

func (b *slowBackend) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	n := 0
	page := func(fi engbackend.FileInfo) error {
		if n%listPage == 0 {
			b.l.requests.Add(1)
			time.Sleep(b.l.delay)
		}
		n++
		return fn(fi)
	}
	if t == engbackend.PackFile {
		for _, fi := range b.l.packs {
			if err := page(fi); err != nil {
				return err
			}
		}
	}
	return b.Backend.List(ctx, t, page)
}

// The size of the repository that BenchmarkProve makes: the one of the promise.
const (
	benchPacks       = 100_000
	benchBlobsAPack  = 20
	benchIndexes     = 200
	benchSnapshots   = 1_000
	benchDirectories = 200
	benchChanged     = 10 // directories that a snapshot has changed
	benchFiles       = 100
)

// BenchmarkProve proves a repository of 100,000 packs, two million blobs and 1,000
// snapshots at 20 ms a request, with a cold and with a warm cache.
func BenchmarkProve(b *testing.B) {
	loc := syntheticRepository(b)
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as programs have it, not tests
	for _, run := range []string{"cold", "warm"} {
		dir := b.TempDir()
		b.Run(run, func(b *testing.B) {
			for range b.N {
				if run == "cold" {
					dir = b.TempDir()
				} else if _, err := Prove(b.Context(), loc, testPassword, ProveOptions{}, WithCacheDir(dir)); err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				debug.FreeOSMemory()
				stop, peak := make(chan struct{}), make(chan uint64)
				go func() { peak <- heapPeak(stop) }()
				began := time.Now()
				proof, err := Prove(b.Context(), loc, testPassword, ProveOptions{}, WithCacheDir(dir))
				if err != nil {
					b.Fatal(err)
				}
				took := time.Since(began)
				close(stop)
				b.ReportMetric(took.Seconds(), "s/proof")
				b.ReportMetric(float64(<-peak)/(1<<20), "MiB-heap")
				b.ReportMetric(float64(proof.Requests), "requests")
				b.ReportMetric(float64(proof.Trees), "trees")
				b.ReportMetric(float64(proof.Blobs), "blobs")
			}
		})
	}
}

func heapPeak(stop <-chan struct{}) (peak uint64) {
	for {
		select {
		case <-stop:
			return peak
		case <-time.After(20 * time.Millisecond):
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
}

func syntheticRepository(b *testing.B) Location {
	b.Helper()
	_, local := initLocal(b)
	loc := &slowLocation{localLocation(local.String()), 20 * time.Millisecond, nil, &atomic.Int64{}}
	s := newSealer(b, local)
	random := rand.New(rand.NewPCG(1, 2))
	id := func() (id ID) {
		for i := 0; i < len(id); i += 8 {
			binary.LittleEndian.PutUint64(id[i:], random.Uint64())
		}
		return id
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer enc.Close()
	pack := func(text string) []byte { return enc.EncodeAll([]byte(text), []byte{2}) }

	var data []ID
	for range benchIndexes {
		var text strings.Builder
		text.WriteString(`{"packs":[`)
		for p := range benchPacks / benchIndexes {
			if p > 0 {
				text.WriteByte(',')
			}
			name, size := id(), 36
			fmt.Fprintf(&text, `{"id":"%s","blobs":[`, name)
			offset := 0
			for i := range benchBlobsAPack {
				blob, length := id(), 100_000+random.IntN(1_000_000)
				if i > 0 {
					text.WriteByte(',')
				} else {
					data = append(data, blob)
				}
				fmt.Fprintf(&text, `{"id":"%s","type":"data","offset":%d,"length":%d,"uncompressed_length":%d}`, blob, offset, length, length+1000)
				offset += length
				size += length + headerEntryLong
			}
			text.WriteString("]}")
			loc.packs = append(loc.packs, engbackend.FileInfo{Name: name.String(), Size: int64(size)})
		}
		text.WriteString("]}")
		s.put("index", s.seal(pack(text.String())))
	}
	syntheticTrees(b, s, enc, random, data)
	if n := len(objects(b, local, "snapshots")); n != benchSnapshots {
		b.Fatal(n)
	}
	return loc
}

// syntheticTrees makes the snapshots, and packs of compressed trees.
func syntheticTrees(b *testing.B, s *sealer, enc *zstd.Encoder, random *rand.Rand, data []ID) {
	b.Helper()
	var entries []map[string]any
	var body, header []byte
	var blobs []map[string]any
	flush := func() {
		if len(blobs) == 0 {
			return
		}
		sealed := s.seal(header)
		raw := append(append([]byte{}, body...), sealed...)
		raw = binary.LittleEndian.AppendUint32(raw, uint32(len(sealed)))
		entries = append(entries, map[string]any{"id": s.put("data", raw), "blobs": blobs})
		body, header, blobs = nil, nil, nil
	}
	save := func(tree string) string {
		id := engrestic.Hash([]byte(tree))
		sealed := s.seal(enc.EncodeAll([]byte(tree), nil))
		blobs = append(blobs, map[string]any{"id": id.String(), "type": "tree", "offset": len(body), "length": len(sealed), "uncompressed_length": len(tree)})
		header = append(header, 3)
		header = binary.LittleEndian.AppendUint32(header, uint32(len(sealed)))
		header = binary.LittleEndian.AppendUint32(header, uint32(len(tree)))
		header = append(header, id[:]...)
		body = append(body, sealed...)
		if len(body) > 16<<20 {
			flush()
		}
		return id.String()
	}
	directory := func() string {
		var t strings.Builder
		t.WriteString(`{"nodes":[`)
		for i := range benchFiles {
			if i > 0 {
				t.WriteByte(',')
			}
			fmt.Fprintf(&t, `{"name":"file-%04d","type":"file","mode":420,"mtime":"2026-03-0%dT12:%02d:00.123456789+01:00","atime":"2026-03-01T12:00:00+01:00","ctime":"2026-03-01T12:00:00+01:00","uid":1000,"gid":1000,"user":"someone","group":"someone","inode":%d,"device_id":64768,"size":%d,"links":1,"content":["%s"]}`,
				i, 1+random.IntN(9), random.IntN(60), random.IntN(1<<30), random.IntN(1<<20), data[random.IntN(len(data))])
		}
		t.WriteString("]}")
		return save(t.String())
	}
	dirs := make([]string, benchDirectories)
	for i := range dirs {
		dirs[i] = directory()
	}
	for n := range benchSnapshots {
		for range benchChanged {
			dirs[random.IntN(len(dirs))] = directory()
		}
		var t strings.Builder
		t.WriteString(`{"nodes":[`)
		for i, d := range dirs {
			if i > 0 {
				t.WriteByte(',')
			}
			fmt.Fprintf(&t, `{"name":"dir-%04d","type":"dir","mode":2147484141,"mtime":"2026-03-01T12:00:00+01:00","uid":1000,"gid":1000,"inode":%d,"links":2,"subtree":"%s"}`, i, n, d)
		}
		t.WriteString("]}")
		s.snapshot(save(t.String()))
	}
	flush()
	s.index(entries...)
	if len(objects(b, Local(s.dir), "data")) != len(entries) {
		b.Fatal(filepath.Join(s.dir, "data"))
	}
}
