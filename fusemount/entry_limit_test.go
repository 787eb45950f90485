//go:build linux

package fusemount

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"

	"github.com/cesnet/rwm/restic"
)

func treeJSON(nodes ...string) []byte {
	return []byte(`{"nodes":[` + strings.Join(nodes, ",") + "]}\n")
}

func nodeJSON(name, typ, more string) string {
	const at = `"2024-01-01T00:00:00Z"`
	return fmt.Sprintf(`{"name":%q,"type":%q,"mode":493,"mtime":%s,"atime":%s,"ctime":%s,"uid":0,"gid":0,"links":1,%s}`, name, typ, at, at, at, more)
}

// TestForgetsWhatWasListedLongAgo: memory does not grow with the number of files that
// were ever listed, and what was forgotten is found again.
func TestForgetsWhatWasListedLongAgo(t *testing.T) {
	needFUSE(t)
	const dirs, files, most = 40, 50, 300
	src := &fake{}
	var top []string
	for d := range dirs {
		var nodes []string
		for i := range files {
			nodes = append(nodes, nodeJSON(fmt.Sprintf("file%03d", i), "file", fmt.Sprintf(`"inode":%d,"size":0,"content":[]`, 1+d*files+i)))
		}
		sub := src.Add(1, restic.BlobTree, treeJSON(nodes...))[0].ID
		top = append(top, nodeJSON(fmt.Sprintf("dir%03d", d), "dir", fmt.Sprintf(`"content":null,"subtree":%q`, sub)))
	}
	tree := src.Add(1, restic.BlobTree, treeJSON(top...))[0].ID
	dir, root := mountFake(t, src, tree, func(m *mount) { m.entries.most = most })
	dir = filepath.Join(dir, "ids/00000000")

	held, err := os.Open(filepath.Join(dir, "dir000/file007"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	walk := func() {
		t.Helper()
		for d := range dirs {
			names, err := os.ReadDir(filepath.Join(dir, fmt.Sprintf("dir%03d", d)))
			if err != nil || len(names) != files {
				t.Fatalf("%d: %d files, %v", d, len(names), err)
			}
			for _, n := range names {
				if _, err := n.Info(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	walk()
	var count func(n *fs.Inode) int
	count = func(n *fs.Inode) (sum int) {
		for _, c := range n.Children() {
			sum += 1 + count(c)
		}
		return sum
	}
	deadline := time.Now().Add(20 * time.Second)
	for count(root.EmbeddedInode()) > most+files+dirs+5 {
		if time.Now().After(deadline) {
			t.Fatalf("%d inodes are kept", count(root.EmbeddedInode()))
		}
		time.Sleep(50 * time.Millisecond)
	}
	if _, err := held.Stat(); err != nil {
		t.Errorf("an open file: %v", err)
	}
	walk()
}
