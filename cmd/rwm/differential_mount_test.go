package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// mountCases run until there is something to see, and are ended with Ctrl-C.
var mountCases = []diffCase{
	{args: "mount $MNT"},
	{args: "mount $MNT --host h1 --tag a,b --no-lock"},
	{args: "mount $MNT -H h1 -H h3 --path $DATA"},
	{args: "mount $MNT --path-template x/%h/%i --path-template all/%T --time-template 2006/01/02_15-04"},
	{args: "mount $MNT --snapshot-template 2006-01-02"},
	{args: "mount $MNT --owner-root --allow-other"},
	{args: "mount $MNT --allow-other --no-default-permissions"},
	{args: "mount $DIR/nosuch"},
	{args: "mount"},
}

// needsMount reports whether a case can be run here, and skips it if not.
func (c diffCase) needsMount(t *testing.T) bool {
	if !strings.Contains(c.args, "$MNT") {
		return false
	}
	if runtime.GOOS != "linux" {
		harness.NotHere(t, "no FUSE on "+runtime.GOOS)
	}
	if err := opens("/dev/fuse"); err != nil {
		harness.NotHere(t, "no FUSE: "+err.Error())
	}
	harness.NeedPrograms(t, "make packages", "fusermount3")
	return true
}

// watchMount runs cmd, which mounts on dir, until its file system is there, and returns
// what is in it. What directories above the snapshots have for times is left out, and
// so are sizes and times of all: fusemount's tests compare them.
func watchMount(t *testing.T, cmd *exec.Cmd, dir string) (map[string]string, error) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { _ = exec.Command("umount", "-l", dir).Run() }() // if the program has not done it
	var found map[string]string
	for deadline := time.Now().Add(30 * time.Second); found == nil; {
		select {
		case err := <-ended:
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			found = mountedFiles(t, dir)
		} else if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Error("nothing appears in the mount")
			return nil, <-ended
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	return found, <-ended
}

func mountedFiles(t *testing.T, dir string) map[string]string {
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		text := info.Mode().String() + extras(path, info)
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %d %x", len(content), content[:min(len(content), 40)])
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + target
		}
		found["mounted/"+name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
