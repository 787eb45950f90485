//go:build linux || darwin || freebsd

package fusemount

import (
	"container/list"
	"sync"
	"syscall"

	"github.com/cesnet/rwm/restic"
)

// mostKnown is how many entries of listed directories are kept. Each costs about half a
// KiB.
const mostKnown = 60_000

// entryLimit bounds the entries kept of listed directories. The kernel would keep every
// entry it has seen until memory runs short, and so would this process: a walk through
// millions of files would fill it. So the kernel is asked to forget the files of the
// least recently listed directories. Files in use stay.
type entryLimit struct {
	mu    sync.Mutex
	most  int
	known int
	dirs  list.List // of *dir; the front was listed longest ago
}

// listed records that the kernel receives all entries of d.
func (c *entryLimit) listed(d *dir, entries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.counted != nil {
		c.dirs.MoveToBack(d.counted)
	} else {
		d.counted, d.count = c.dirs.PushBack(d), entries
		c.known += entries
	}
	var old []*dir
	for c.known > c.most && c.dirs.Front() != d.counted {
		o := c.dirs.Remove(c.dirs.Front()).(*dir)
		o.counted = nil
		c.known -= o.count
		old = append(old, o)
	}
	if len(old) > 0 {
		// the kernel may be waiting for the answer to a request meanwhile
		go func() {
			for _, o := range old {
				o.forget()
			}
		}()
	}
}

// forget makes the kernel forget the files in d, and drops the entries, which are
// loaded again on demand.
func (d *dir) forget() {
	t := d.tree.Swap(nil)
	if t == nil {
		return
	}
	for i := range t.nodes {
		if t.nodes[i].Type == restic.NodeDir {
			continue // it may be in use
		}
		if errno := d.NotifyEntry(t.nodes[i].Name); errno != 0 && errno != syscall.ENOENT {
			return
		}
	}
}
