package s3tool_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
)

// A host may read objects, never versions by their ids: it is not asked for one.
func TestCopyWithTheRightsOfAHost(t *testing.T) {
	f := newWorld(t, true)
	bucket := f.server.Bucket(t)
	if _, err := s3state.New(f.client).Create(t.Context(), bucket, f.server.Host.Name, s3state.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	host := f.tool(f.server.Client(t, f.server.Host))
	dir := t.TempDir()
	file := write(t, dir, "f", "content")
	for _, step := range [][2]string{
		{file, "s3://" + bucket + "/d/k"}, {"s3://" + bucket + "/d/k", filepath.Join(dir, "back")},
		{"s3://" + bucket + "/d/k", "s3://" + bucket + "/copy"},
	} {
		if _, err := host.Copy(t.Context(), step[0], "", step[1], s3tool.CopyOptions{}); err != nil {
			t.Errorf("%q: %v", step, err)
		}
	}
	if _, err := host.Copy(t.Context(), "s3://"+bucket+"/d", "", dir, s3tool.CopyOptions{Recursive: true}); err != nil {
		t.Error(err)
	}
	var out strings.Builder
	if err := host.Cat(t.Context(), s3tool.Location{Bucket: bucket, Key: "copy"}, &out); err != nil || out.String() != "content" {
		t.Errorf("%q %v", out.String(), err)
	}
	if got := read(t, filepath.Join(dir, "d", "k")); got != "content" {
		t.Errorf("%q", got)
	}
}

// "dir" means what is below dir/, for copying and removing alike.
func TestRecursiveMeansBelow(t *testing.T) {
	f := newWorld(t, true)
	for _, key := range []string{"dir/a", "dir/sub/b", "dir2/c", "dir-old/d", "dir.txt", "dir", "x/dir/e"} {
		f.put(t, key, key)
	}
	out := t.TempDir()
	f.copy(t, f.url("dir"), out, s3tool.CopyOptions{Recursive: true})
	leftovers(t, out, 2)
	if read(t, filepath.Join(out, "dir", "sub", "b")) != "dir/sub/b" {
		t.Error("not where it belongs")
	}
	f.copy(t, f.url("dir"), f.url("dir2"), s3tool.CopyOptions{Recursive: true})
	equal(t, "copied beside", f.keys(t, "dir2/", true), []string{"dir2/c", "dir2/dir/a", "dir2/dir/sub/b"})
	for _, to := range []string{"", "dir", "dir/sub"} {
		if _, err := f.Copy(t.Context(), f.url("dir"), "", f.url(to), s3tool.CopyOptions{Recursive: true}); !errors.Is(err, s3tool.ErrInvalid) {
			t.Errorf("onto itself or into itself (%q): %v", to, err)
		}
	}
	for _, from := range []string{"dir.txt", "nothing"} {
		if _, err := f.Copy(t.Context(), f.url(from), "", out, s3tool.CopyOptions{Recursive: true}); !errors.Is(err, s3tool.ErrNoObject) {
			t.Errorf("nothing below %q: %v", from, err)
		}
	}
	if r, err := f.Remove(t.Context(), f.at("dir"), s3tool.RemoveOptions{Recursive: true, Versions: true}); err != nil || r.Removed != 2 {
		t.Errorf("removed %+v %v", r, err)
	}
	equal(t, "left", f.keys(t, "", true), []string{"dir", "dir-old/d", "dir.txt", "dir2/c", "dir2/dir/a", "dir2/dir/sub/b", "x/dir/e"})
}

func TestFilesThatAreNone(t *testing.T) {
	f := newWorld(t, false)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if mkfifo, err := exec.LookPath("mkfifo"); err == nil && exec.Command(mkfifo, pipe).Run() == nil {
		done := make(chan error, 1)
		go func() { _, err := f.Copy(t.Context(), pipe, "", f.url("pipe"), s3tool.CopyOptions{}); done <- err }()
		select {
		case err := <-done:
			if !errors.Is(err, s3tool.ErrInvalid) || !strings.Contains(err.Error(), "not a regular file") {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("it waits for a writer")
		}
		f.put(t, "down/pipe", "content")
		for source, opts := range map[string]s3tool.CopyOptions{"down/pipe": {}, "down/": {Recursive: true}} {
			to := pipe
			if opts.Recursive {
				to = dir
			}
			if _, err := f.Copy(t.Context(), f.url(source), "", to, opts); !errors.Is(err, s3tool.ErrInvalid) {
				t.Errorf("%s over a pipe: %v", source, err)
			}
			if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
				t.Errorf("%s replaced a pipe: %v %v", source, info, err)
			}
		}
		if r := f.copy(t, dir, f.url("tree"), s3tool.CopyOptions{Recursive: true}); r.Copied != 0 || len(r.Skipped) != 1 {
			t.Errorf("%+v", r)
		}
	}
	if want, err := os.ReadFile("/proc/version"); err == nil {
		f.copy(t, "/proc/version", f.url("version"), s3tool.CopyOptions{})
		if got := f.cat(t, f.at("version")); got != string(want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f.copy(t, write(t, dir, "empty", ""), f.url("empty"), s3tool.CopyOptions{})
	if got := f.cat(t, f.at("empty")); got != "" {
		t.Errorf("%q", got)
	}
}

// Standard input that stays silent does not outlast the context.
func TestSilentInputEndsWithTheContext(t *testing.T) {
	f := newWorld(t, false)
	pr, pw := io.Pipe()
	defer pw.Close() //nolint:errcheck // a pipe
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, _ = pw.Write([]byte("some")); cancel() }()
	if _, err := f.Copy(ctx, "-", "", f.url("stream"), s3tool.CopyOptions{Input: pr}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := f.Stat(t.Context(), f.at("stream")); !errors.Is(err, s3tool.ErrNoObject) {
		t.Errorf("what came was stored: %v", err)
	}
}

// A link as the destination of one object stays: the file it leads to is replaced.
func TestDownloadFollowsALink(t *testing.T) {
	f := newWorld(t, false)
	f.put(t, "k", "content")
	dir := t.TempDir()
	file, link := write(t, dir, "file", "old"), filepath.Join(dir, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Skip(err)
	}
	f.copy(t, f.url("k"), link, s3tool.CopyOptions{})
	if got, err := os.ReadFile(file); string(got) != "content" {
		t.Errorf("%q %v", got, err)
	}
	if err := errors.Join(os.Remove(link), os.Symlink("/proc/self/fd/1", link)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Copy(t.Context(), f.url("k"), "", link, s3tool.CopyOptions{}); !errors.Is(err, s3tool.ErrInvalid) || !strings.Contains(err.Error(), "rwm s3 cp") {
		t.Errorf("standard output by its link: %v", err)
	}
}

// What another key brought is never taken for the beginning of an object.
func TestPartialFilesAreNoKeys(t *testing.T) {
	f := newWorld(t, false)
	const good = "0123456789"
	f.put(t, "d/k", good)
	o, err := f.Stat(t.Context(), f.at("d/k"))
	if err != nil {
		t.Fatal(err)
	}
	forty := strings.Repeat("0", 40)
	for _, key := range []string{"d/k.part-" + o.ETag, "d/k.part-" + forty, "d/.part-" + forty} {
		f.put(t, key, "wrong")
	}
	dir := t.TempDir()
	_, err = f.Copy(t.Context(), f.url("d/"), "", dir, s3tool.CopyOptions{Recursive: true})
	var partial *s3tool.PartialError
	if !errors.As(err, &partial) || len(partial.Failed) != 2 || !errors.Is(err, s3tool.ErrInvalid) {
		t.Errorf("keys that look like partial files: %v", err)
	}
	if got := read(t, filepath.Join(dir, "k")); got != good {
		t.Errorf("%q", got)
	}
	leftovers(t, dir, 2) // with the key that looked so before
	long := strings.Repeat("n", 250)
	f.put(t, long, good)
	f.copy(t, f.url(long), dir, s3tool.CopyOptions{})
}

func TestDotsAreNoNames(t *testing.T) {
	f := newWorld(t, true)
	f.put(t, "k", "content")
	dir := t.TempDir()
	file := write(t, dir, "f", "x")
	for _, key := range []string{".", "..", "a/..", "../k", "a/./b", "a/../k"} {
		if _, err := f.Copy(t.Context(), file, "", f.url(key), s3tool.CopyOptions{}); !errors.Is(err, s3tool.ErrInvalid) {
			t.Errorf("copy to %q: %v", key, err)
		}
		if _, err := f.Copy(t.Context(), f.url(key), "", dir, s3tool.CopyOptions{}); !errors.Is(err, s3tool.ErrInvalid) {
			t.Errorf("copy from %q: %v", key, err)
		}
		if _, err := f.Remove(t.Context(), f.at(key), s3tool.RemoveOptions{}); !errors.Is(err, s3tool.ErrInvalid) {
			t.Errorf("remove %q: %v", key, err)
		}
	}
	equal(t, "keys", f.keys(t, "", true), []string{"k"})
	if ok, err := f.client.BucketExists(t.Context(), f.bucket); err != nil || !ok {
		t.Errorf("the bucket: %v %v", ok, err)
	}
}
