package restic

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	engbackend "github.com/restic/restic/rwmlink/backend"
)

// snapshotFS backs up files and opens the snapshot as an FS.
func snapshotFS(t *testing.T, files fstest.MapFS, root, folder string) (*FS, *Session, *memory) {
	t.Helper()
	s, m := initMemory(t)
	if _, err := s.Backup(t.Context(), BackupOptions{FS: files, FSRoot: root}); err != nil {
		t.Fatal(err)
	}
	f, err := s.FS(t.Context(), "latest"+folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, s, m
}

func TestFSIsAFileSystem(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	big := noise(6<<20, 5)
	f, s, _ := snapshotFS(t, fstest.MapFS{
		"etc/hosts":        {Data: []byte("127.0.0.1\n"), Mode: 0o640, ModTime: at},
		"etc/empty":        {Mode: 0o600},
		"var/lib/big":      {Data: []byte(big)},
		"var/link":         {Data: []byte("../etc/hosts"), Mode: fs.ModeSymlink | 0o777},
		"var/dangling":     {Data: []byte("nowhere"), Mode: fs.ModeSymlink | 0o777},
		"var/loop":         {Data: []byte("loop"), Mode: fs.ModeSymlink | 0o777},
		"var/up":           {Data: []byte("../../../../etc"), Mode: fs.ModeSymlink | 0o777},
		"var/absolute":     {Data: []byte("/srv/etc/hosts"), Mode: fs.ModeSymlink | 0o777},
		"var/out":          {Data: []byte("/etc/hosts"), Mode: fs.ModeSymlink | 0o777},
		"sock":             {Mode: fs.ModeSocket | 0o600},
		"odd/-ž[*] name\n": {Data: []byte("x")},
	}, "/srv", ":/srv")
	sane, err := fs.Sub(f, "etc")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sane, "hosts", "empty"); err != nil {
		t.Error(err)
	}
	if sane, err = fs.Sub(f, "odd"); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sane, "-ž[*] name\n"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"etc/hosts": "127.0.0.1\n", "var/link": "127.0.0.1\n", "var/up/hosts": "127.0.0.1\n", "var/absolute": "127.0.0.1\n", "etc/empty": "", "var/lib/big": big} {
		if got, err := fs.ReadFile(f, name); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{"none", "etc/none", "var/dangling", "var/out"} {
		if _, err := fs.Stat(f, name); !errors.Is(err, ErrNoPath) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"var/loop", "etc/hosts/x", "sock", "/etc", "../x", ""} {
		if _, err := f.Open(name); err == nil {
			t.Errorf("%q could be opened", name)
		}
	}
	info, err := fs.Stat(f, "var/link")
	if err != nil || info.Name() != "link" || info.Size() != 10 || info.Mode() != 0o640 || !info.ModTime().Equal(at) {
		t.Error(info, err)
	}
	if node, ok := info.Sys().(*TreeNode); !ok || node.Name != "hosts" {
		t.Errorf("%T", info.Sys())
	}
	if target, err := fs.ReadLink(f, "var/link"); err != nil || target != "../etc/hosts" {
		t.Error(target, err)
	}
	if f.Snapshot().ID.IsZero() || f.Snapshot().Paths[0] != "/srv" {
		t.Error(f.Snapshot())
	}
	if _, err := s.Prune(t.Context(), PruneOptions{}); !errors.Is(err, ErrReaderOpen) {
		t.Error(err)
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if _, err := f.Open("etc"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := fs.ReadFile(f, "var/lib/big"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := s.Prune(t.Context(), PruneOptions{}); err != nil {
		t.Error(err)
	}
}

// Every way of reading gives the same bytes, several at a time too, and a sequential
// read takes far fewer requests than there are blobs.
func TestFSReadsAhead(t *testing.T) {
	seed := harness.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	big := []byte(noise(16<<20, 9))
	f, _, m := snapshotFS(t, fstest.MapFS{"big": {Data: big}}, "", "")
	var loads atomic.Int64
	m.before(func(op string, h engbackend.Handle) error {
		if op == "load" && h.Type == engbackend.PackFile {
			loads.Add(1)
		}
		return nil
	})
	file, err := f.Open("big")
	if err != nil {
		t.Fatal(err)
	}
	blobs := len(file.(*fsFile).ends)
	if got, err := io.ReadAll(file); err != nil || !bytes.Equal(got, big) {
		t.Fatal(len(got), err)
	}
	// Chunks are cut at random: of a few large ones, one more is asked for by itself.
	if n := int(loads.Load()); n > blobs*2/3+1 {
		t.Errorf("%d requests for %d blobs", n, blobs)
	}
	t.Log(loads.Load(), "requests for", blobs, "blobs")
	var readers sync.WaitGroup
	for range 4 {
		offsets := make([]int, 8)
		for i := range offsets {
			offsets[i] = random.IntN(len(big))
		}
		readers.Go(func() {
			for _, offset := range offsets {
				p := make([]byte, 1+offset%(2<<20))
				n, err := file.(io.ReaderAt).ReadAt(p, int64(offset))
				if want := big[offset:min(len(big), offset+len(p))]; !bytes.Equal(p[:n], want) || (n < len(p)) != (err == io.EOF) {
					t.Errorf("%d bytes at %d: %d, %v", len(p), offset, n, err)
				}
			}
		})
	}
	readers.Wait()
	seeker := file.(io.ReadSeeker)
	if at, err := seeker.Seek(-10, io.SeekEnd); err != nil || at != int64(len(big)-10) {
		t.Error(at, err)
	}
	if got, err := io.ReadAll(seeker); err != nil || !bytes.Equal(got, big[len(big)-10:]) {
		t.Error(len(got), err)
	}
	if _, err := seeker.Seek(-1, io.SeekStart); err == nil {
		t.Error("a negative offset was taken")
	}
	if n, err := file.(io.ReaderAt).ReadAt(make([]byte, 1), int64(len(big))+5); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if _, err := file.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// A read that failed is tried again the next time, and the context ends all of them.
func TestFSFailures(t *testing.T) {
	s, m := initMemory(t)
	if _, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader(noise(1<<20, 2)), ReaderName: "file"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, err := s.FS(ctx, "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // closed below
	if _, err := fs.Stat(f, "file"); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the storage is away")
	m.before(func(op string, h engbackend.Handle) error {
		if op == "load" {
			return broken
		}
		return nil
	})
	if _, err := fs.ReadFile(f, "file"); !errors.Is(err, broken) {
		t.Error(err)
	}
	m.before(nil)
	if got, err := fs.ReadFile(f, "file"); err != nil || len(got) != 1<<20 {
		t.Error(len(got), err)
	}
	cancel()
	if _, err := fs.ReadFile(f, "file"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.FS(t.Context(), "beef"); !errors.Is(err, ErrNoSnapshot) {
		t.Error(err)
	}
	if _, err := s.FS(t.Context(), "latest:/none"); !errors.Is(err, ErrNoPath) {
		t.Error(err)
	}
}

func TestStatAndNodes(t *testing.T) {
	_, s, _ := snapshotFS(t, fstest.MapFS{"a/b/c": {Data: []byte("123")}, "a/d": {Data: []byte("4")}, "e": {}}, "", "")
	node, err := s.Stat(t.Context(), "latest", "/a/b/c")
	if err != nil || node.Size != 3 || node.Path != "/a/b/c" || node.Type != NodeFile {
		t.Error(node, err)
	}
	if node, err := s.Stat(t.Context(), "latest:/a", "b"); err != nil || node.Type != NodeDir {
		t.Error(node, err)
	}
	if _, err := s.Stat(t.Context(), "latest", "/a/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	walk := func(below string, most int) string {
		var seen []string
		for node, err := range s.Nodes(t.Context(), "latest", below) {
			if err != nil {
				return "error " + err.Error()
			}
			if seen = append(seen, node.Path); len(seen) == most {
				break
			}
		}
		return strings.Join(seen, " ")
	}
	for below, want := range map[string]string{"/": "/a /a/b /a/b/c /a/d /e", "a/b": "/a/b/c", "/e": "/e"} {
		if got := walk(below, 0); got != want {
			t.Errorf("below %s: %s, want %s", below, got, want)
		}
	}
	if got := walk("/", 2); got != "/a /a/b" {
		t.Error(got)
	}
	for node, err := range s.Nodes(t.Context(), "latest", "/none") {
		if node.Path != "" || !errors.Is(err, ErrNoPath) {
			t.Error(node, err)
		}
	}
}
