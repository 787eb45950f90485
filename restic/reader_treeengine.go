package restic

import (
	"bytes"
	"math"
	"os"
	"time"
	"unsafe"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// decodeEngineTree decodes a tree into the engine's nodes as the engine does, about
// eight times as fast. It returns false for a tree that it leaves to the engine: for
// anything unusual, as decodeTreeFast does, and for one whose nodes would take several
// times the memory of its text.
func decodeEngineTree(raw []byte) ([]*engdata.Node, bool) {
	p := engineParser{treeParser: treeParser{raw: raw}, room: engineRoom(raw)}
	ok := p.list(p.add)
	return p.nodes, ok
}

// engineRoom is the most nodes that a tree may have to be decoded as a whole. What
// restic writes of a node is about as long as the node is in memory.
func engineRoom(raw []byte) int {
	return (64<<10 + 2*len(raw)) / int(unsafe.Sizeof(engdata.Node{}))
}

type engineParser struct {
	treeParser
	room  int
	nodes []*engdata.Node
	block []engdata.Node // the next nodes, made several at a time
	ids   engrestic.IDs  // of the content of all nodes
	last  *engdata.Node  // the one before
	zone  *time.Location // the last one that was made
}

func (p *engineParser) add() bool {
	if len(p.nodes) == p.room {
		return false
	}
	if len(p.block) == 0 {
		p.block = make([]engdata.Node, min(len(p.nodes)+4, 64))
	}
	n := &p.block[0]
	p.block = p.block[1:]
	if !p.node(n) {
		return false
	}
	p.nodes, p.last = append(p.nodes, n), n
	return true
}

func (p *engineParser) node(n *engdata.Node) bool {
	if !p.token('{') {
		return false
	}
	var seen engineKey
	for first := true; !p.token('}'); first = false {
		if !first && !p.token(',') {
			return false
		}
		text, ok := p.plain()
		if !ok || !p.token(':') {
			return false
		}
		key := engineKeyOf(text)
		if key == 0 || seen&key != 0 {
			return false
		}
		seen |= key
		p.space()
		if !p.field(key, n) {
			return false
		}
	}
	if n.LinkTargetRaw != nil {
		n.LinkTarget, n.LinkTargetRaw = string(n.LinkTargetRaw), nil
	}
	return true
}

// engineKey is a set of keys of a node.
type engineKey uint32

const (
	keyName engineKey = 1 << iota
	keyType
	keyMode
	keyModTime
	keyAccessTime
	keyChangeTime
	keyUID
	keyGID
	keyUser
	keyGroup
	keyInode
	keyDeviceID
	keySize
	keyLinks
	keyLinkTarget
	keyLinkTargetRaw
	keyXattrs
	keyGeneric
	keyDevice
	keyContent
	keySubtree
	keyError
)

func engineKeyOf(text []byte) engineKey {
	switch string(text) {
	case "name":
		return keyName
	case "type":
		return keyType
	case "mode":
		return keyMode
	case "mtime":
		return keyModTime
	case "atime":
		return keyAccessTime
	case "ctime":
		return keyChangeTime
	case "uid":
		return keyUID
	case "gid":
		return keyGID
	case "user":
		return keyUser
	case "group":
		return keyGroup
	case "inode":
		return keyInode
	case "device_id":
		return keyDeviceID
	case "size":
		return keySize
	case "links":
		return keyLinks
	case "linktarget":
		return keyLinkTarget
	case "linktarget_raw":
		return keyLinkTargetRaw
	case "extended_attributes":
		return keyXattrs
	case "generic_attributes":
		return keyGeneric
	case "device":
		return keyDevice
	case "content":
		return keyContent
	case "subtree":
		return keySubtree
	case "error":
		return keyError
	}
	return 0
}

func (p *engineParser) field(key engineKey, n *engdata.Node) (ok bool) {
	var number uint64
	switch key {
	case keyName:
		n.Name, ok = p.name()
	case keyType:
		n.Type, ok = p.engineType()
	case keyMode:
		number, ok = p.number(math.MaxUint32)
		n.Mode = os.FileMode(number)
	case keyModTime:
		n.ModTime, ok = p.zoned()
	case keyAccessTime:
		n.AccessTime, ok = p.zoned()
	case keyChangeTime:
		n.ChangeTime, ok = p.zoned()
	case keyUID:
		number, ok = p.number(math.MaxUint32)
		n.UID = uint32(number)
	case keyGID:
		number, ok = p.number(math.MaxUint32)
		n.GID = uint32(number)
	case keyUser:
		n.User, ok = p.again(func(n *engdata.Node) string { return n.User })
	case keyGroup:
		n.Group, ok = p.again(func(n *engdata.Node) string { return n.Group })
	case keyInode:
		n.Inode, ok = p.number(math.MaxUint64)
	case keyDeviceID:
		n.DeviceID, ok = p.number(math.MaxUint64)
	case keySize:
		n.Size, ok = p.number(math.MaxUint64)
	case keyLinks:
		n.Links, ok = p.number(math.MaxUint64)
	case keyLinkTarget:
		n.LinkTarget, ok = p.text()
	case keyLinkTargetRaw:
		ok = p.into(&n.LinkTargetRaw)
	case keyXattrs:
		ok = p.into(&n.ExtendedAttributes)
	case keyGeneric:
		ok = p.into(&n.GenericAttributes)
	case keyDevice:
		n.Device, ok = p.number(math.MaxUint64)
	case keyContent:
		n.Content, ok = p.content()
	case keySubtree:
		if p.null() {
			return true
		}
		n.Subtree = new(engrestic.ID)
		ok = p.id((*ID)(n.Subtree))
	case keyError:
		n.Error, ok = p.text()
	}
	return ok
}

func (p *engineParser) engineType() (engdata.NodeType, bool) {
	text, ok := p.plain()
	switch {
	case string(text) == string(engdata.NodeTypeFile):
		return engdata.NodeTypeFile, ok
	case string(text) == string(engdata.NodeTypeDir):
		return engdata.NodeTypeDir, ok
	}
	return engdata.NodeType(text), ok
}

// again reads a text that is often equal to that of the node before.
func (p *engineParser) again(field func(*engdata.Node) string) (string, bool) {
	start := p.pos
	if text, ok := p.plain(); ok {
		if p.last != nil && field(p.last) == string(text) {
			return field(p.last), true
		}
		return string(text), true
	}
	p.pos = start
	return p.text()
}

func (p *engineParser) content() (engrestic.IDs, bool) {
	if p.null() {
		return nil, true
	}
	if !p.token('[') {
		return nil, false
	}
	from := len(p.ids)
	for !p.token(']') {
		if len(p.ids) > from && !p.token(',') {
			return nil, false
		}
		p.ids = append(p.ids, engrestic.ID{})
		if !p.id((*ID)(&p.ids[len(p.ids)-1])) {
			return nil, false
		}
	}
	if len(p.ids) == from {
		return engrestic.IDs{}, true
	}
	return p.ids[from:len(p.ids):len(p.ids)], true
}

// zoned reads a time and gives it the zone that encoding/json gives it.
func (p *engineParser) zoned() (time.Time, bool) {
	start := p.pos
	at, ok := p.time()
	if !ok {
		return at, false
	}
	text := p.raw[start:p.pos]
	if bytes.HasSuffix(text, []byte(`Z"`)) {
		return at, true
	}
	zone := text[len(text)-len(`+07:00"`):]
	digit := func(i int) int { return int(zone[i] - '0') }
	offset := ((digit(1)*10+digit(2))*60 + digit(4)*10 + digit(5)) * 60
	if zone[0] == '-' {
		offset = -offset
	}
	if local := at.In(time.Local); zoneOffset(local) == offset {
		return local, true
	}
	if p.zone == nil || zoneOffset(at.In(p.zone)) != offset {
		p.zone = time.FixedZone("", offset)
	}
	return at.In(p.zone), true
}

func zoneOffset(t time.Time) int { _, offset := t.Zone(); return offset }
