package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/cesnet/rwm/restic"
)

// lsNcdu writes what `ncdu -f -` reads (https://dev.yorhel.nl/ncdu/jsonfmt): nested
// lists whose first element is the directory itself.
func lsNcdu(ctx context.Context, s *restic.Session, opts restic.LsOptions, w io.Writer) error {
	n := &ncdu{w: w}
	err := s.Ls(ctx, opts, restic.LsVisitor{Snapshot: n.snapshot, Node: n.node, Above: n.node, LeaveDir: n.leave})
	if err == nil {
		n.printf("\n]\n]\n")
	}
	return err
}

type ncdu struct {
	w     io.Writer
	depth int
}

func (n *ncdu) printf(format string, args ...any) { fmt.Fprintf(n.w, format, args...) }

func (n *ncdu) snapshot(sn restic.Snapshot) error {
	info, err := bareSnapshot(sn)
	n.depth++
	n.printf("[1, 2, %s, [{\"name\":\"/\"}", info)
	return err
}

// bareSnapshot is a snapshot as it is in the repository: without its own ID.
func bareSnapshot(sn restic.Snapshot) (string, error) {
	text, err := json.Marshal(sn)
	bare := strings.Replace(string(text), `"id":"`+sn.ID.String()+`",`, "", 1)
	return strings.Replace(bare, `,"short_id":"`+sn.ID.Short()+`"`, "", 1), err
}

func (n *ncdu) node(node restic.Node) error {
	entry, err := json.Marshal(newNcduEntry(node))
	if err != nil {
		return err
	}
	indent := strings.Repeat("  ", n.depth)
	if node.Type != restic.NodeDir {
		n.printf(",\n%s%s", indent, entry)
		return nil
	}
	n.printf(",\n%s[\n%s  %s", indent, indent, entry)
	n.depth++
	return nil
}

func (n *ncdu) leave(string) error {
	n.depth--
	n.printf("\n%s]", strings.Repeat("  ", n.depth))
	return nil
}

type ncduEntry struct {
	Name   string `json:"name"`
	Asize  uint64 `json:"asize"`
	Dsize  uint64 `json:"dsize"`
	Dev    uint64 `json:"dev"`
	Ino    uint64 `json:"ino"`
	NLink  uint64 `json:"nlink"`
	NotReg bool   `json:"notreg"`
	UID    uint32 `json:"uid"`
	GID    uint32 `json:"gid"`
	Mode   uint32 `json:"mode"`
	Mtime  int64  `json:"mtime"`
}

func newNcduEntry(n restic.Node) ncduEntry {
	const block = 512
	e := ncduEntry{
		Name: n.Name, Asize: n.Size, Dsize: (n.Size + block - 1) / block * block,
		Dev: n.DeviceID, Ino: n.Inode, NLink: n.Links,
		NotReg: n.Type != restic.NodeDir && n.Type != restic.NodeFile,
		UID:    n.UID, GID: n.GID, Mode: uint32(n.Mode.Perm()),
		Mtime: max(n.ModTime.Unix(), 0), // ncdu takes no negative times
	}
	for bit, octal := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if n.Mode&bit != 0 {
			e.Mode |= octal
		}
	}
	return e
}
