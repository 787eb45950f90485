package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

func mustHaveSnapshots(t *testing.T, s *Session, want int) {
	t.Helper()
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != want {
		t.Fatalf("%d snapshots, want %d: %v", len(list), want, err)
	}
}

// dumped returns a file of the latest snapshot.
func dumped(t *testing.T, s *Session, name string) string {
	t.Helper()
	var text strings.Builder
	if err := s.Dump(t.Context(), DumpOptions{Snapshot: "latest", Path: name}, &text); err != nil {
		t.Error(err)
	}
	return text.String()
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// The errors that readers of truncated data return are taken for what they are, not for
// the end: those of packages compress/gzip and net/http.
func TestTruncatedStreamIsNoSnapshot(t *testing.T) {
	s, _ := initMemory(t)
	for _, end := range []error{io.ErrUnexpectedEOF, fmt.Errorf("read: %w", io.EOF), io.ErrClosedPipe, io.ErrShortBuffer} {
		rd := func() io.ReadCloser {
			return io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(end)))
		}
		for _, o := range []BackupOptions{
			{Reader: rd()},
			{Files: func(yield func(FileHeader, io.ReadCloser) bool) { yield(FileHeader{Path: "/dump"}, rd()) }},
		} {
			if res, err := s.Backup(t.Context(), o); res != nil || !errors.Is(err, end) {
				t.Errorf("%v: %v, %v", end, res, err)
			}
		}
	}
	for what, rd := range map[string]io.Reader{
		"negative": readFunc(func([]byte) (int, error) { return -1, nil }),
		"more":     readFunc(func(p []byte) (int, error) { return len(p) + 1, io.EOF }),
		"nil":      (*strings.Reader)(nil),
	} {
		if res, err := s.Backup(t.Context(), BackupOptions{Reader: rd}); res != nil || err == nil {
			t.Errorf("%s: %v, %v", what, res, err)
		}
	}
	if res, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader("x"), ReaderName: "a\x00b"}); res != nil || err == nil {
		t.Errorf("a name with a NUL: %v, %v", res, err)
	}
	mustHaveSnapshots(t, s, 0)
}

// What of an FS no snapshot can hold is left out; the repository stays sound.
func TestBackupOfAnFSWithADevice(t *testing.T) {
	s, m := initMemory(t)
	for _, kind := range []fs.FileMode{fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice, fs.ModeIrregular} {
		res, err := s.Backup(t.Context(), BackupOptions{FS: fstest.MapFS{"good": {Data: []byte("g")}, "bad": {Mode: kind}, "pipe": {Mode: fs.ModeNamedPipe}}})
		if !errors.Is(err, ErrIncomplete) || res == nil || res.ErrorCount != 1 {
			t.Errorf("%v: %+v, %v", kind, res, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeSound(t, m)
}

// In an FS such a file is left out, like any other that cannot be read.
func TestTruncatedFileOfAnFS(t *testing.T) {
	s, _ := initMemory(t)
	for _, end := range []error{io.ErrUnexpectedEOF, fmt.Errorf("read: %w", io.EOF), io.ErrClosedPipe} {
		res, err := s.Backup(t.Context(), BackupOptions{FS: truncatedFS{fstest.MapFS{"good": {Data: []byte("g")}, "bad": {Data: []byte("half")}}, end}})
		if !errors.Is(err, ErrIncomplete) || res == nil || res.ErrorCount != 1 {
			t.Errorf("%v: %+v, %v", end, res, err)
		}
	}
}

type truncatedFS struct {
	fstest.MapFS
	end error
}

func (f truncatedFS) Open(name string) (fs.File, error) {
	file, err := f.MapFS.Open(name)
	if name == "bad" && err == nil {
		return truncatedFile{file, io.MultiReader(file, iotest.ErrReader(f.end))}, nil
	}
	return file, err
}

type truncatedFile struct {
	fs.File
	from io.Reader
}

func (f truncatedFile) Read(p []byte) (int, error) { return f.from.Read(p) }

// A stream that breaks off, at its beginning or later, is no snapshot: retention would
// take it for a good one. The session goes on to be usable.
func TestBrokenStreamIsNoSnapshot(t *testing.T) {
	broken := errors.New("the database went away")
	panics := readFunc(func([]byte) (int, error) { panic(broken) })
	for what, rd := range map[string]io.Reader{
		"panic":      io.MultiReader(strings.NewReader("half"), panics),
		"end inside": io.MultiReader(strings.NewReader("half"), iotest.ErrReader(fmt.Errorf("%w: %w", broken, io.EOF))),
		"truncated":  io.MultiReader(strings.NewReader("half"), iotest.ErrReader(fmt.Errorf("%w: %w", broken, io.ErrUnexpectedEOF))),
		"at once":    iotest.ErrReader(broken),
		"later":      io.MultiReader(strings.NewReader(noise(3<<20, 7)), iotest.ErrReader(broken)),
		"with data":  iotest.DataErrReader(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))),
	} {
		t.Run(what, func(t *testing.T) {
			s, m := initMemory(t)
			for _, name := range []string{"", "dumps/db.sql"} {
				res, err := s.Backup(t.Context(), BackupOptions{Reader: rd, ReaderName: name})
				if res != nil || !errors.Is(err, broken) || errors.Is(err, ErrIncomplete) {
					t.Errorf("got %v, %v", res, err)
				}
				res, err = s.Backup(t.Context(), BackupOptions{Files: func(yield func(FileHeader, io.ReadCloser) bool) {
					_ = yield(FileHeader{Path: "/good"}, io.NopCloser(strings.NewReader("good"))) &&
						yield(FileHeader{Path: "/dump"}, io.NopCloser(rd))
				}})
				if res != nil || !errors.Is(err, broken) {
					t.Errorf("one of several files: %v, %v", res, err)
				}
			}
			mustHaveSnapshots(t, s, 0)
			if _, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader("good")}); err != nil {
				t.Error(err)
			}
			mustHaveSnapshots(t, s, 1)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			mustBeSound(t, m)
		})
	}
}

func TestEmptyStream(t *testing.T) {
	s, _ := initMemory(t)
	for what, o := range map[string]BackupOptions{
		"reader":  {Reader: strings.NewReader("")},
		"command": {Command: []string{"sh", "-c", "true"}},
	} {
		if _, err := s.Backup(t.Context(), o); !errors.Is(err, ErrEmptySource) {
			t.Errorf("%s: %v", what, err)
		}
		mustHaveSnapshots(t, s, 0)
	}
	if _, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader(""), ReaderName: "none", AllowEmpty: true}); err != nil {
		t.Fatal(err)
	}
	if text := dumped(t, s, "/none"); text != "" {
		t.Errorf("got %q", text)
	}
}

// slowReader is not safe for concurrent use: the race detector tells whether it is used
// after Backup has returned.
type slowReader struct {
	reads   int
	started func()
}

func (r *slowReader) Read(p []byte) (int, error) {
	r.reads++
	if r.reads == 3 {
		r.started()
	}
	time.Sleep(20 * time.Millisecond)
	r.reads++
	return copy(p, "again and again"), nil
}

func TestReaderIsNotTouchedAfterBackup(t *testing.T) {
	s, _ := initMemory(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rd := &slowReader{started: cancel}
	if _, err := s.Backup(ctx, BackupOptions{Reader: rd}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrReaderBusy) {
		t.Error(err)
	}
	rd.reads = 0
	time.Sleep(100 * time.Millisecond)
	if rd.reads != 0 {
		t.Errorf("%d reads afterwards", rd.reads)
	}
}

// A Read that blocks for ever is not waited for, and the error says so.
func TestBlockedReader(t *testing.T) {
	t.Parallel()
	s, _ := initMemory(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blocked := make(chan struct{})
	defer close(blocked)
	rd := readerFunc(func([]byte) (int, error) {
		cancel()
		<-blocked
		return 0, io.EOF
	})
	if _, err := s.Backup(ctx, BackupOptions{Reader: rd}); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrReaderBusy) {
		t.Error(err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// closeCounter counts how many of its readers are open.
type closeCounter struct {
	io.Reader
	open *int
}

func (c closeCounter) Close() error { *c.open--; return nil }

func TestBackupOfFiles(t *testing.T) {
	s, m := initMemory(t)
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	big := noise(9<<20, 3)
	open := 0
	files := func(last FileHeader) iter.Seq2[FileHeader, io.ReadCloser] {
		return func(yield func(FileHeader, io.ReadCloser) bool) {
			give := func(h FileHeader, text string) bool {
				if open != 0 {
					t.Errorf("%d readers are open", open)
				}
				open++
				return yield(h, closeCounter{strings.NewReader(text), &open})
			}
			_ = give(FileHeader{Path: "/db/z.sql", Mode: 0o640, ModTime: at, UID: 7, User: "pg"}, big) &&
				give(FileHeader{Path: "/db/a.sql", Mode: 0o600}, "small") &&
				give(FileHeader{Path: "/db/skip.log", Mode: 0o600}, "not wanted") &&
				give(FileHeader{Path: "/db/tmp/x", Mode: 0o600}, "not wanted either") &&
				yield(FileHeader{Path: "/db", Mode: fs.ModeDir | 0o700, ModTime: at}, nil) &&
				yield(FileHeader{Path: "/db/link", Mode: fs.ModeSymlink | 0o777, LinkTarget: "a.sql"}, nil) &&
				give(FileHeader{Path: "/empty", Mode: 0o644}, "") &&
				give(last, "last")
		}
	}
	o := BackupOptions{Files: files(FileHeader{Path: "/last"}), Excludes: []string{"*.log"}, Host: "h", Tags: []string{"t"},
		Select: func(p string, info fs.FileInfo) bool { return path.Dir(p) != "/db/tmp" }}
	res, err := s.Backup(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if open != 0 || res.FilesNew != 4 || res.BytesProcessed != uint64(len(big)+len("small")+len("last")) || res.SnapshotID.IsZero() {
		t.Errorf("%d open, %+v", open, res)
	}
	if dumped(t, s, "/db/z.sql") != big || dumped(t, s, "/db/a.sql") != "small" || dumped(t, s, "/empty") != "" || dumped(t, s, "/last") != "last" {
		t.Error("the contents differ")
	}
	var seen []string
	err = s.Ls(t.Context(), LsOptions{Snapshot: "latest"}, LsVisitor{Node: func(n Node) error {
		seen = append(seen, n.Path)
		if n.Path == "/db" && (!n.ModTime.Equal(at) || n.Mode.Perm() != 0o700) || n.Path == "/db/z.sql" && (n.UID != 7 || n.User != "pg" || !n.ModTime.Equal(at)) ||
			n.Path == "/db/link" && n.LinkTarget != "a.sql" {
			t.Errorf("%+v", n)
		}
		return nil
	}})
	if got := strings.Join(seen, " "); err != nil || got != "/db /db/a.sql /db/link /db/z.sql /empty /last" {
		t.Error(got, err)
	}

	failed := errors.New("the sequence broke off")
	for what, bad := range map[string]FileHeader{
		"error":    {Err: failed},
		"relative": {Path: "x"},
		"twice":    {Path: "/db/a.sql"},
		"file":     {Path: "/db/a.sql/b"},
		"dir":      {Path: "/db"},
		"link":     {Path: "/nowhere", Mode: fs.ModeSymlink},
		"device":   {Path: "/dev", Mode: fs.ModeDevice},
	} {
		o.Files = files(bad)
		if res, err := s.Backup(t.Context(), o); res != nil || err == nil || what == "error" && !errors.Is(err, failed) || open != 0 {
			t.Errorf("%s: %v, %v, %d open", what, res, err, open)
		}
	}
	o.Files = func(yield func(FileHeader, io.ReadCloser) bool) {
		yield(FileHeader{Path: "/x"}, io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(failed))))
	}
	if _, err := s.Backup(t.Context(), o); !errors.Is(err, failed) {
		t.Error(err)
	}
	o.Files = func(func(FileHeader, io.ReadCloser) bool) {}
	if _, err := s.Backup(t.Context(), o); !errors.Is(err, ErrNoSource) {
		t.Error(err)
	}
	mustHaveSnapshots(t, s, 1)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeSound(t, m)
}

func TestBackupOfAnFS(t *testing.T) {
	s, m := initMemory(t)
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	from := fstest.MapFS{
		"a/one":  {Data: []byte("1"), Mode: 0o640, ModTime: at},
		"a/two":  {Data: []byte("22"), ModTime: at},
		"b.log":  {Data: []byte("no")},
		"no/way": {Data: []byte("no")},
		"link":   {Data: []byte("a/one"), Mode: fs.ModeSymlink | 0o777},
	}
	for _, root := range []string{"", "/srv/data", "one"} {
		at := path.Join("/", root)
		res, err := s.Backup(t.Context(), BackupOptions{FS: from, FSRoot: root, Excludes: []string{"*.log"},
			Select: func(p string, info fs.FileInfo) bool { return info.Name() != "no" || !info.IsDir() }})
		if err != nil || res.FilesNew != 2 {
			t.Fatal(root, res, err)
		}
		var seen []string
		err = s.Ls(t.Context(), LsOptions{Snapshot: res.SnapshotID.String()}, LsVisitor{Node: func(n Node) error {
			if pathBelow(at, n.Path) && n.Path != at {
				seen = append(seen, strings.TrimPrefix(strings.TrimPrefix(n.Path, at), "/"))
			}
			if n.Name == "link" && n.LinkTarget != "a/one" || n.Name == "one" && n.Type == NodeFile && n.Mode != 0o640 {
				t.Errorf("%+v", n)
			}
			return nil
		}})
		if got := strings.Join(seen, " "); err != nil || got != "a a/one a/two link" {
			t.Error(root, got, err)
		}
		if text := dumped(t, s, path.Join(at, "a/two")); text != "22" {
			t.Errorf("%s: got %q", root, text)
		}
	}
	if _, err := s.Backup(t.Context(), BackupOptions{FS: fstest.MapFS{"bad": {Mode: 0o644, Data: []byte("x")}}, Reader: strings.NewReader("x")}); err == nil {
		t.Error("two sources were taken")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeSound(t, m)
}

// A file of an FS that cannot be read is left out, as one of a disk.
func TestBackupOfAnFSWithAnUnreadableFile(t *testing.T) {
	s, _ := initMemory(t)
	res, err := s.Backup(t.Context(), BackupOptions{FS: failingFS{fstest.MapFS{"good": {Data: []byte("g")}, "bad": {Data: []byte("b")}}}})
	if !errors.Is(err, ErrIncomplete) || res == nil || res.SnapshotID.IsZero() || res.ErrorCount != 1 {
		t.Fatal(res, err)
	}
}

type failingFS struct{ fstest.MapFS }

func (f failingFS) Open(name string) (fs.File, error) {
	if name == "bad" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.MapFS.Open(name)
}

// Select works beside the patterns for files of this host, too.
func TestSelect(t *testing.T) {
	s, _ := initLocal(t)
	dir := writeTree(t, map[string]string{"keep": "1", "big": strings.Repeat("x", 100), "sub/keep": "2", "no/keep": "3"})
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Select: func(p string, info fs.FileInfo) bool {
		return info.Size() != 100 && !(info.IsDir() && info.Name() == "no")
	}})
	if err != nil || res.FilesNew != 2 {
		t.Error(res, err)
	}
}
