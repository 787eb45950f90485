package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/cesnet/rwm/restic"
)

var typeModes = map[restic.NodeType]fs.FileMode{
	restic.NodeDir:        fs.ModeDir,
	restic.NodeSymlink:    fs.ModeSymlink,
	restic.NodeDevice:     fs.ModeDevice,
	restic.NodeCharDevice: fs.ModeDevice | fs.ModeCharDevice,
	restic.NodeFifo:       fs.ModeNamedPipe,
	restic.NodeSocket:     fs.ModeSocket,
}

// formatNode writes a file as `ls -l` does, or only its path.
func formatNode(n restic.Node, long, human bool) string {
	if !long {
		return oneLine(n.Path)
	}
	size := fmt.Sprintf("%6d", n.Size)
	if human {
		size = formatBytes(n.Size)
	}
	target := ""
	if n.Type == restic.NodeSymlink {
		target = " -> " + oneLine(n.LinkTarget)
	}
	return fmt.Sprintf("%s %5d %5d %s %s %s%s", typeModes[n.Type]|n.Mode, n.UID, n.GID, size, formatTime(n.ModTime), oneLine(n.Path), target)
}

// jsonNode is a file in the output of ls and find. Every field is restic's.
type jsonNode struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"`
	Path        string      `json:"path"`
	UID         uint32      `json:"uid"`
	GID         uint32      `json:"gid"`
	Size        *uint64     `json:"size,omitempty"` // of files, even when 0
	Mode        fs.FileMode `json:"mode,omitempty"`
	Permissions string      `json:"permissions,omitempty"`
	ModTime     time.Time   `json:"mtime,omitempty"`
	AccessTime  time.Time   `json:"atime,omitempty"`
	ChangeTime  time.Time   `json:"ctime,omitempty"`
	Inode       uint64      `json:"inode,omitempty"`
	MessageType string      `json:"message_type"`
	StructType  string      `json:"struct_type"`
}

func newJSONNode(n restic.Node) jsonNode {
	out := jsonNode{
		Name: n.Name, Type: n.Type.String(), Path: n.Path, UID: n.UID, GID: n.GID,
		Mode: n.Mode, Permissions: n.Mode.String(),
		ModTime: n.ModTime, AccessTime: n.AccessTime, ChangeTime: n.ChangeTime, Inode: n.Inode,
		MessageType: "node", StructType: "node",
	}
	if n.Type == restic.NodeFile {
		out.Size = &n.Size
	}
	return out
}

func lsJSON(w io.Writer) restic.LsVisitor {
	return restic.LsVisitor{
		Snapshot: func(sn restic.Snapshot) error { return emitTo(w, typedSnapshot{sn}) },
		Node:     func(n restic.Node) error { return emitTo(w, newJSONNode(n)) },
	}
}

// typedSnapshot adds what ls prints of a snapshot beyond `restic snapshots`.
type typedSnapshot struct{ restic.Snapshot }

func (s typedSnapshot) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(s.Snapshot)
	if err != nil {
		return nil, err
	}
	return append(body[:len(body)-1], `,"message_type":"snapshot","struct_type":"snapshot"}`...), nil
}
