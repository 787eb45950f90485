package keeper

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cesnet/rwm/restic"
)

// woods has trees by their names.
type woods map[restic.ID][]restic.TreeNode

func (w woods) Tree(_ context.Context, id restic.ID) ([]restic.TreeNode, error) { return w[id], nil }
func (w woods) Blob(context.Context, restic.ID) ([]byte, error)                 { return nil, nil }

func named(text string) restic.ID { return sha256.Sum256([]byte(text)) }

// A snapshot whose summary says that it is small is restored whole only if it is: a host
// can write what it likes into it, and a few blobs and trees stand for any amount.
func TestDrillOfWhatSaysItIsSmall(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	size := func(h restic.BlobHandle) (uint64, bool) { return 1 << 19, true }
	file := func(size uint64, parts int) restic.TreeNode {
		n := restic.TreeNode{Name: "file", Type: restic.NodeFile, Size: size}
		for range parts {
			n.Content = append(n.Content, named("blob"))
		}
		return n
	}
	dir := func(of string) restic.TreeNode {
		id := named(of)
		return restic.TreeNode{Name: "dir", Type: restic.NodeDir, Subtree: &id}
	}
	trees := woods{
		named("small"):  {file(1<<19, 1), dir("empty"), dir("empty")},
		named("parts"):  {file(1, 1_000_000)},
		named("sparse"): {file(1<<63, 0)},
		named("twice"):  {dir("small"), dir("small"), dir("small")},
		named("twigs0"): {dir("empty"), dir("empty")},
	}
	for i := range 100 {
		below := fmt.Sprintf("twigs%d", i)
		trees[named(fmt.Sprintf("twigs%d", i+1))] = []restic.TreeNode{dir(below), dir(below)}
	}
	for i := range 2000 {
		trees[named(fmt.Sprintf("shaft%d", i+1))] = []restic.TreeNode{dir(fmt.Sprintf("shaft%d", i))}
	}
	for name, fits := range map[string]bool{"small": true, "empty": true, "parts": false, "sparse": false, "twice": false, "twigs100": false, "shaft900": true, "shaft2000": false} {
		list := []restic.Snapshot{{Tree: named(name), Summary: &restic.SnapshotSummary{TotalBytesProcessed: 10}}, {Tree: named("small")}}
		sn, err := small(t.Context(), trees, size, list, most, rand.New(rand.NewPCG(1, 2)))
		if err != nil || (sn != nil) != fits || sn != nil && sn.Tree != named(name) {
			t.Errorf("%s: %+v, %v", name, sn, err)
		}
	}
}

// What a drill has restored when its pass was killed does not stay.
func TestDrillThatWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, "cache", "drill", "restore-1", "etc", "shadow")
	if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o700), os.WriteFile(left, []byte("root"), 0o600)); err != nil {
		t.Fatal(err)
	}
	k, err := New(&Config{StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
