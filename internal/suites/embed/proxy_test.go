package embed

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// published are the modules an importer gets, by the directory they are in.
var published = map[string]string{
	".":           "github.com/cesnet/rwm",
	"restic/link": "github.com/cesnet/rwm/restic/link",
}

// root is the top of the main module.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// publish writes the modules as they are in the working tree into a module proxy
// of files and returns its URL and their version, which names their content.
func publish(t *testing.T) (url, version string) {
	t.Helper()
	proxy, sum := t.TempDir(), sha256.New()
	sources := map[string][]zip.File{}
	for dir := range published {
		sources[dir] = source(t, filepath.Join(root(t), dir))
	}
	for _, dir := range []string{".", "restic/link"} {
		for _, file := range sources[dir] {
			fmt.Fprintln(sum, file.Path())
			copyTo(t, sum, file)
		}
	}
	version = fmt.Sprintf("v0.0.0-20000101000000-%.12x", sum.Sum(nil))
	for dir, path := range published {
		at := filepath.Join(proxy, path, "@v")
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		info, _ := json.Marshal(map[string]any{"Version": version, "Time": time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
		goMod, err := os.ReadFile(filepath.Join(root(t), dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(at, "list"), []byte(version+"\n"))
		write(t, filepath.Join(at, version+".info"), info)
		write(t, filepath.Join(at, version+".mod"), goMod)
		archive, err := os.Create(filepath.Join(at, version+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		if err := zip.Create(archive, module.Version{Path: path, Version: version}, sources[dir]); err != nil {
			t.Fatal(err)
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { forget(t, version) })
	return "file://" + filepath.ToSlash(proxy), version
}

// forget removes what the go command kept of the made-up version.
func forget(t *testing.T, version string) {
	cache := goEnv(t, "GOMODCACHE")
	for _, path := range published {
		dir := filepath.Join(cache, path+"@"+version)
		_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				_ = os.Chmod(path, 0o700) // the go command makes it read-only
			}
			return nil
		})
		_ = os.RemoveAll(dir)
		kept, _ := filepath.Glob(filepath.Join(cache, "cache/download", path, "@v", version+".*"))
		for _, file := range kept {
			_ = os.Remove(file)
		}
	}
}

// source lists what belongs to the module in dir: no other module's files, and
// nothing that was built there.
func source(t *testing.T, dir string) (files []zip.File) {
	t.Helper()
	checked, err := zip.CheckDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range checked.Valid {
		path = strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, dir)), "/")
		if strings.HasPrefix(path, "bin/") || strings.HasPrefix(path, ".") {
			continue
		}
		files = append(files, sourceFile{dir, path})
	}
	return files
}

type sourceFile struct{ dir, path string }

func (f sourceFile) Path() string                 { return f.path }
func (f sourceFile) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(f.dir, f.path)) }
func (f sourceFile) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.dir, f.path)) }

func copyTo(t *testing.T, to io.Writer, file zip.File) {
	t.Helper()
	r, err := file.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(to, r); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
