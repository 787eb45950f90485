//go:build linux

package fusemount

import (
	"context"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"

	"github.com/cesnet/rwm/internal/harness/blobfake"
	"github.com/cesnet/rwm/restic"
)

// fake is a repository in memory.
type fake = blobfake.Repo[restic.BlobType, restic.ID, restic.BlobHandle, restic.BlobLocation]

// mountFake mounts one snapshot of a repository in memory and returns the directory.
func mountFake(t *testing.T, src source, tree restic.ID, change ...func(*mount)) (dir string, root *namesDir) {
	t.Helper()
	opts, err := Options{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	m := newMount(opts)
	m.loader = newLoader(src, m.log, opts.CacheSize, opts.ReadTimeout)
	m.snapshots.list = func(context.Context) ([]restic.Snapshot, error) { return []restic.Snapshot{{Tree: tree}}, nil }
	for _, c := range change {
		c(m)
	}
	close(m.ready)
	dir = t.TempDir()
	root = newNamesDir(m, "")
	server, err := fs.Mount(dir, root, m.fuseOptions("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := unmount(dir); err != nil {
			t.Error(err)
		}
		m.loader.close()
		server.Wait()
	})
	return dir, root
}
