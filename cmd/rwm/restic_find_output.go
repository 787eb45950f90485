package main

import (
	"encoding/json"
	"io/fs"
	"time"

	"github.com/cesnet/rwm/restic"
)

// findOutput prints each find at once: as lines, or as one JSON array like restic's.
type findOutput interface {
	found(restic.Found)
	end(failed bool)
}

func (c resticFindCmd) output(a *app) findOutput {
	if a.cli.JSON {
		return &findJSON{app: a}
	}
	return &findLines{app: a, cmd: c}
}

type findLines struct {
	*app
	cmd      resticFindCmd
	snapshot restic.ID
}

func (o *findLines) found(f restic.Found) {
	if f.Node == nil {
		o.printf("Found %s %s\n", blobKind(f.Blob), f.Blob.ID)
		if f.Blob.Type == restic.BlobData {
			o.printf(" ... in file %s\n     (tree %s)\n", oneLine(f.Path), f.Tree)
		} else {
			o.printf(" ... path %s\n", oneLine(f.Path))
		}
		o.printf(" ... in snapshot %s (%s)\n", f.Snapshot.ID.Short(), formatTime(f.Snapshot.Time))
		return
	}
	if o.snapshot != f.Snapshot.ID {
		if !o.snapshot.IsZero() {
			o.say("")
		}
		o.snapshot = f.Snapshot.ID
		o.say("Found matching entries in snapshot %s from %s", f.Snapshot.ID.Short(), formatTime(f.Snapshot.Time))
	}
	o.println(formatNode(*f.Node, o.cmd.Long, o.cmd.HumanReadable))
}

func (o *findLines) end(bool) {}

func blobKind(h restic.BlobHandle) string {
	if h.Type == restic.BlobTree {
		return "tree"
	}
	return "blob"
}

// showPlace shows where a blob is stored.
func (a *app) showPlace(h restic.BlobHandle, p restic.BlobLocation) {
	uncompressed := p.Size
	if !p.Compressed {
		uncompressed = 0
	}
	a.printf("Object belongs to pack %s\n ... Pack %s: <Blob (%v) %s, offset %d, length %d, uncompressed length %d>\n",
		p.Pack, p.Pack.Short(), h.Type, h.ID.Short(), p.Offset, p.Length, uncompressed)
}

// findJSON writes [{"matches":[…],"hits":n,"snapshot":"…"},…] for paths and
// [{"object_type":…},…] for IDs.
type findJSON struct {
	*app
	snapshot restic.ID
	hits     int  // in this snapshot
	started  bool // the array is open
}

func (o *findJSON) found(f restic.Found) {
	if !o.started {
		o.printf("[")
		o.started = true
	}
	if f.Node == nil {
		o.separate()
		o.value(newFoundObject(f))
		return
	}
	if o.snapshot != f.Snapshot.ID {
		if o.closeSnapshot() {
			o.printf(",")
		}
		o.snapshot = f.Snapshot.ID
		o.printf(`{"matches":[`)
	}
	o.separate()
	o.value(newFoundNode(*f.Node))
}

func (o *findJSON) separate() {
	if o.hits > 0 {
		o.printf(",")
	}
	o.hits++
}

func (o *findJSON) value(v any) {
	text, _ := json.Marshal(v)
	_, _ = escapedControls.WriteString(o.stdout, string(text))
}

func (o *findJSON) closeSnapshot() bool {
	if o.snapshot.IsZero() {
		return false
	}
	o.printf(`],"hits":%d,"snapshot":%q}`, o.hits, o.snapshot.String())
	o.hits = 0
	return true
}

func (o *findJSON) end(failed bool) {
	if !o.started && failed {
		return // nothing found is not the same
	}
	if !o.started {
		o.printf("[")
	}
	o.closeSnapshot()
	o.printf("]\n")
}

type foundObject struct {
	ObjectType string    `json:"object_type"`
	ID         restic.ID `json:"id"`
	Path       string    `json:"path"`
	ParentTree restic.ID `json:"parent_tree,omitzero"`
	SnapshotID restic.ID `json:"snapshot"`
	Time       time.Time `json:"time"`
}

func newFoundObject(f restic.Found) foundObject {
	return foundObject{blobKind(f.Blob), f.Blob.ID, f.Path, f.Tree, f.Snapshot.ID, f.Snapshot.Time}
}

type foundNode struct {
	Path        string      `json:"path,omitempty"`
	Permissions string      `json:"permissions,omitempty"`
	Type        string      `json:"type"`
	Mode        fs.FileMode `json:"mode,omitempty"`
	ModTime     time.Time   `json:"mtime"`
	AccessTime  time.Time   `json:"atime"`
	ChangeTime  time.Time   `json:"ctime"`
	UID         uint32      `json:"uid"`
	GID         uint32      `json:"gid"`
	User        string      `json:"user,omitempty"`
	Group       string      `json:"group,omitempty"`
	Inode       uint64      `json:"inode,omitempty"`
	DeviceID    uint64      `json:"device_id,omitempty"`
	Size        uint64      `json:"size,omitempty"`
	Links       uint64      `json:"links,omitempty"`
	LinkTarget  string      `json:"linktarget,omitempty"`
}

func newFoundNode(n restic.Node) foundNode {
	return foundNode{
		Path: n.Path, Permissions: n.Mode.String(), Type: n.Type.String(), Mode: n.Mode,
		ModTime: n.ModTime, AccessTime: n.AccessTime, ChangeTime: n.ChangeTime,
		UID: n.UID, GID: n.GID, User: n.User, Group: n.Group, Inode: n.Inode, DeviceID: n.DeviceID,
		Size: n.Size, Links: n.Links, LinkTarget: n.LinkTarget,
	}
}
