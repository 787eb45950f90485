package restic

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// newReader backs up a directory with the given files and opens a reader.
func newReader(t *testing.T, files map[string]string, opts ...Option) (*Session, *Reader, Snapshot) {
	t.Helper()
	src := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(src, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Init(t.Context(), Local(filepath.Join(t.TempDir(), "repo")), "secret", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	result, err := s.Backup(t.Context(), BackupOptions{Paths: []string{src}})
	if err != nil {
		t.Fatal(err)
	}
	sn, _, err := s.FindSnapshot(t.Context(), result.SnapshotID.String(), SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return s, r, sn
}

// file walks down to the directory that holds the files, and returns one's node.
func (r *Reader) file(t *testing.T, tree ID, name string) TreeNode {
	t.Helper()
	for {
		raw, err := r.LoadBlob(t.Context(), BlobHandle{BlobTree, tree})
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := DecodeTree(raw)
		if err != nil || len(nodes) == 0 {
			t.Fatal(nodes, err)
		}
		for _, n := range nodes {
			if n.Name == name {
				return n
			}
		}
		if nodes[0].Subtree == nil {
			t.Fatalf("no file %s", name)
		}
		tree = *nodes[0].Subtree
	}
}

func TestReader(t *testing.T) {
	for name, opts := range map[string][]Option{
		"cache":      {WithCacheDir(t.TempDir())},
		"no cache":   {WithoutCache()},
		"version 1":  {WithoutCache(), WithRepositoryVersion(1)},
		"uncompress": {WithoutCache(), WithCompression(CompressionOff)},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(bytes.Repeat([]byte("text "), 100_000))
			s, r, sn := newReader(t, map[string]string{"text": text, "b": "short"}, opts...)
			n := r.file(t, sn.Tree, "text")
			if n.Type != NodeFile || n.Size != uint64(len(text)) {
				t.Fatalf("%+v", n)
			}
			var got []byte
			for _, id := range n.Content {
				h := BlobHandle{BlobData, id}
				p := r.Locations(h)[0]
				if size, ok := r.Size(h); !ok || size != uint64(p.Size) {
					t.Errorf("size %d, %d", size, p.Size)
				}
				err := r.LoadRange(t.Context(), h.Type, p.Pack, p.Offset, p.Length, func(rd io.Reader) error {
					stored, err := io.ReadAll(rd)
					if err != nil {
						return err
					}
					if bytes.Contains(stored, []byte("text text")) {
						t.Error("stored bytes are not encrypted")
					}
					plain, err := r.Decrypt(h, p, stored, func(n int) []byte { return make([]byte, n) })
					got = append(got, plain...)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != text {
				t.Errorf("%d bytes that are not the file's", len(got))
			}
			if _, ok := r.Size(BlobHandle{BlobData, ID{1}}); ok || len(r.Locations(BlobHandle{BlobTree, n.Content[0]})) > 0 {
				t.Error("it knows what is not there")
			}
			if _, err := r.LoadBlob(t.Context(), BlobHandle{BlobData, ID{1}}); err == nil {
				t.Error("it loads what is not there")
			}

			// what comes later is known after Refresh
			later := filepath.Join(t.TempDir(), "later")
			if err := os.WriteFile(later, []byte("added later"), 0o600); err != nil {
				t.Fatal(err)
			}
			result, err := s.Backup(t.Context(), BackupOptions{Paths: []string{later}})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			sn, _, err = s.FindSnapshot(t.Context(), result.SnapshotID.String(), SnapshotFilter{})
			if err != nil {
				t.Fatal(err)
			}
			r.file(t, sn.Tree, "later")
		})
	}
}

func TestReaderSeesDamage(t *testing.T) {
	cacheDir := t.TempDir()
	s, r, sn := newReader(t, map[string]string{"file": "some content"}, WithCacheDir(cacheDir))
	n := r.file(t, sn.Tree, "file")
	flip := func(dir string) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw[20] ^= 1
			_ = os.Chmod(path, 0o600)
			return os.WriteFile(path, raw, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// a damaged cache is passed by
	flip(filepath.Join(cacheDir, s.ID(), "data"))
	if got := r.file(t, sn.Tree, "file"); got.Size != n.Size {
		t.Errorf("%+v", got)
	}
	dir, _ := LocalDir(s.Location())
	flip(filepath.Join(dir, "data"))
	if _, err := r.LoadBlob(t.Context(), BlobHandle{BlobData, n.Content[0]}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged pack: %v", err)
	}
}

// An exclusive operation does not wait for an open reader: a mount has one for days,
// and what comes behind would have to wait too.
func TestReaderKeepsExclusiveOut(t *testing.T) {
	s, r, _ := newReader(t, map[string]string{"a": "b"})
	operations := map[string]func() error{
		"forget": func() error { return forgetNothing(t, s) },
		"prune":  func() error { _, err := s.Prune(t.Context(), PruneOptions{}); return err },
		"index":  func() error { _, err := s.RepairIndex(t.Context(), RepairIndexOptions{}); return err },
	}
	for name, run := range operations {
		if err := run(); !errors.Is(err, ErrReaderOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Prune(t.Context(), PruneOptions{DryRun: true}); err != nil {
		t.Error(err)
	}
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{t.TempDir()}}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	for name, run := range operations {
		if err := run(); err != nil {
			t.Errorf("%s after the reader's end: %v", name, err)
		}
	}
}

// A session can be closed under a reader that nobody closed.
func TestCloseUnderReader(t *testing.T) {
	s, r, sn := newReader(t, map[string]string{"a": "text"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.LoadBlob(t.Context(), BlobHandle{BlobTree, sn.Tree}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Reader(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("another reader: %v, want ErrClosed", err)
	}
}
