package keeper_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/restic"
)

// content is what a simulated file holds.
type content struct {
	kind string // text, office, photo, log, dump, program or noise
	seed uint64
	size uint64
}

func (c content) id() restic.ID {
	return sha256.Sum256(fmt.Appendf(nil, "%s %d %d", c.kind, c.seed, c.size))
}

// packs is how well a kind compresses.
func (c content) packs() float64 {
	return map[string]float64{"text": 0.3, "office": 0.97, "photo": 0.99, "log": 0.12, "dump": 1, "program": 0.45, "noise": 1}[c.kind]
}

// beginning is the first blob of the content.
func (c content) beginning() []byte {
	n := min(c.size, 4096)
	random := make([]byte, n)
	rng := rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d", c.seed)))
	_, _ = rng.Read(random)
	head := map[string]string{
		"office": "PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00", "photo": "\xff\xd8\xff\xe0\x00\x10JFIF\x00",
		"dump": "\x1f\x8b\x08\x00\x00\x00\x00\x00", "program": "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00",
	}[c.kind]
	switch c.kind {
	case "text", "log":
		return []byte(strings.Repeat(fmt.Sprintf("%d all is well at the mill, and the river is low.\n", c.seed), int(n)/40+1))[:n]
	case "program":
		for i := range random {
			random[i] &= 0x3f
		}
	}
	copy(random, head)
	return random
}

// simHost is a host with files, and the snapshots of its backups.
type simHost struct {
	name  string
	rng   *rand.Rand
	pcg   *rand.PCG // of rng
	files map[string]content
	next  uint64

	trees     map[restic.ID][]restic.TreeNode
	blobs     map[restic.ID]content
	snapshots []restic.Snapshot
	saved     map[string]content        // by the last backup
	live      func(h *simHost, day int) // ordinary life
}

func newSimHost(name string, seed uint64, live func(*simHost, int)) *simHost {
	pcg := rand.NewPCG(seed, 1)
	return &simHost{
		name: name, rng: rand.New(pcg), pcg: pcg, files: map[string]content{}, live: live,
		trees: map[restic.ID][]restic.TreeNode{}, blobs: map[restic.ID]content{},
	}
}

// copy returns a host that goes on as this one would.
func (h *simHost) copy() *simHost {
	pcg, other := *h.pcg, *h
	other.pcg, other.rng = &pcg, rand.New(&pcg)
	other.files, other.saved = maps.Clone(h.files), maps.Clone(h.saved)
	other.trees, other.blobs = maps.Clone(h.trees), maps.Clone(h.blobs)
	other.snapshots = slices.Clone(h.snapshots)
	return &other
}

func (h *simHost) put(name, kind string, size int) {
	h.next++
	h.files[name] = content{kind, h.next<<20 | h.rng.Uint64N(1<<20), uint64(size)}
}

// some returns about n of the files below a directory, in a repeatable order.
func (h *simHost) some(prefix string, n int) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	h.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(n, len(names))]
}

// edit gives files new content of the same kind.
func (h *simHost) edit(names []string) {
	for _, name := range names {
		h.put(name, h.files[name].kind, int(h.files[name].size)+h.rng.IntN(50))
	}
}

// backup makes a snapshot of all files.
func (h *simHost) backup(at time.Time) {
	s := &restic.SnapshotSummary{BackupStart: at.Add(-time.Duration(5+h.rng.IntN(10)) * time.Minute), BackupEnd: at}
	tree := &simDir{dirs: map[string]*simDir{}, files: map[string]content{}}
	for name, c := range h.files {
		s.TotalFilesProcessed++
		s.TotalBytesProcessed += c.size
		if _, have := h.blobs[c.id()]; !have {
			h.blobs[c.id()] = c
			s.DataAdded += c.size
			s.DataAddedPacked += uint64(float64(c.size) * c.packs())
		}
		tree.add(strings.Split(name, "/"), c)
	}
	before := len(h.trees)
	sn := restic.Snapshot{Time: at, Hostname: h.name, Paths: []string{"/srv"}, Tags: []string{"all"}, Tree: tree.store(h.trees), Summary: s}
	grown := uint64(len(h.trees)-before) * 3000
	s.DataAdded, s.DataAddedPacked = s.DataAdded+grown, s.DataAddedPacked+grown/3
	sn.ID = sha256.Sum256(fmt.Appendf(nil, "%s %s %s", h.name, at, sn.Tree))
	h.snapshots, h.saved = append(h.snapshots, sn), maps.Clone(h.files)
}

type simDir struct {
	dirs  map[string]*simDir
	files map[string]content
}

func (d *simDir) add(parts []string, c content) {
	if len(parts) == 1 {
		d.files[parts[0]] = c
		return
	}
	if d.dirs[parts[0]] == nil {
		d.dirs[parts[0]] = &simDir{dirs: map[string]*simDir{}, files: map[string]content{}}
	}
	d.dirs[parts[0]].add(parts[1:], c)
}

func (d *simDir) store(trees map[restic.ID][]restic.TreeNode) restic.ID {
	var nodes []restic.TreeNode
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(d.dirs)) {
		id := d.dirs[name].store(trees)
		nodes = append(nodes, restic.TreeNode{Name: name, Type: restic.NodeDir, Subtree: &id})
		fmt.Fprintf(hash, "%q %s\n", name, id)
	}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		c := d.files[name]
		nodes = append(nodes, restic.TreeNode{Name: name, Type: restic.NodeFile, Size: c.size, Content: []restic.ID{c.id()}})
		fmt.Fprintf(hash, "%q %s\n", name, c.id())
	}
	id := restic.ID(hash.Sum(nil))
	trees[id] = nodes
	return id
}

// The lives of hosts: what happens on them on a day.

func fileServer(h *simHost, day int) {
	if day == 0 {
		for i := range 400 {
			h.put(fmt.Sprintf("home/user%d/docs/letter%d.txt", i%8, i), "text", 2000+i)
			h.put(fmt.Sprintf("home/user%d/work/sheet%d.xlsx", i%8, i), "office", 20000+i)
		}
	}
	h.edit(h.some("home/", 5+h.rng.IntN(25)))
	for i := range h.rng.IntN(10) {
		h.put(fmt.Sprintf("home/user%d/docs/new%d-%d.txt", h.rng.IntN(8), day, i), "text", 3000)
	}
	for _, name := range h.some("home/", h.rng.IntN(4)) {
		delete(h.files, name)
	}
	switch {
	case day%31 == 17: // a project is archived: packed, and removed
		for _, name := range h.some("home/user3/work/", 12) {
			c := h.files[name]
			delete(h.files, name)
			h.files[name+".gz"] = content{"dump", c.seed, c.size * 9 / 10}
		}
	case day%29 == 11: // a clean-up: a folder moves
		for _, name := range h.some("home/user5/docs/", 40) {
			h.files[strings.Replace(name, "/docs/", "/docs/archive/", 1)] = h.files[name]
			delete(h.files, name)
		}
	case day%37 == 23: // a big import
		for i := range 300 {
			h.put(fmt.Sprintf("home/user1/import%d/doc%d.docx", day, i), "office", 30000)
		}
	}
}

func webServer(h *simHost, day int) {
	if day == 0 {
		for i := range 600 {
			h.put(fmt.Sprintf("usr/lib/app/lib%d.so", i), "program", 60000)
		}
		for i := range 200 {
			h.put(fmt.Sprintf("var/www/page%d.html", i), "text", 4000)
			h.put(fmt.Sprintf("var/www/img/pic%d.jpg", i), "photo", 40000)
		}
	}
	for _, service := range []string{"access", "error", "app", "mail"} { // log rotation, dated and numbered
		log := "var/log/" + service + ".log"
		for n := 13; n >= 1; n-- {
			if c, ok := h.files[fmt.Sprintf("%s.%d.gz", log, n)]; ok {
				h.files[fmt.Sprintf("%s.%d.gz", log, n+1)] = c
			}
		}
		if c, ok := h.files[log+".1"]; ok {
			h.files[log+".1.gz"] = content{"dump", c.seed, c.size / 10}
		}
		if c, ok := h.files[log]; ok {
			h.files[log+".1"] = c
		}
		h.put(log, "log", 200000+h.rng.IntN(100000))
		dated := fmt.Sprintf("var/log/dated/%s.log-%03d", service, day)
		h.put(dated, "log", 50000)
		if c, ok := h.files[fmt.Sprintf("var/log/dated/%s.log-%03d", service, day-1)]; ok {
			delete(h.files, fmt.Sprintf("var/log/dated/%s.log-%03d", service, day-1))
			h.files[fmt.Sprintf("var/log/dated/%s.log-%03d.gz", service, day-1)] = content{"dump", c.seed, c.size / 10}
		}
		delete(h.files, fmt.Sprintf("var/log/dated/%s.log-%03d.gz", service, day-14))
	}
	h.edit(h.some("var/www/page", h.rng.IntN(8)))
	switch {
	case day%14 == 9: // security updates
		h.edit(h.some("usr/lib/", 40))
	case day%45 == 30: // an upgrade of the whole system
		h.edit(h.some("usr/lib/", 580))
		for _, name := range h.some("usr/lib/", 30) {
			delete(h.files, name)
		}
		for i := range 60 {
			h.put(fmt.Sprintf("usr/lib/app/new%d-%d.so", day, i), "program", 70000)
		}
	case day%33 == 20: // all pictures are made anew
		h.edit(h.some("var/www/img/", 60))
	}
}

func photoArchive(h *simHost, day int) {
	if day == 0 {
		for i := range 500 {
			h.put(fmt.Sprintf("photos/2025/%02d/IMG_%04d.JPG", i%12, i), "photo", 300000)
		}
	}
	if day%6 == 4 { // a card is imported
		for i := range 50 + h.rng.IntN(250) {
			h.put(fmt.Sprintf("photos/2026/%03d/IMG_%04d.JPG", day, i), "photo", 300000)
		}
	}
	if day%9 == 7 { // and sorted out
		for _, name := range h.some(fmt.Sprintf("photos/2026/%03d/", day-3), 40) {
			delete(h.files, name)
		}
		h.edit(h.some("photos/2026/", 15))
	}
}

func database(h *simHost, day int) {
	kind, ext := "text", ".sql"
	if h.name[len(h.name)-1]%2 == 0 {
		kind, ext = "dump", ".sql.gz"
	}
	for i := range 12 {
		h.put(fmt.Sprintf("dumps/current/db%d%s", i, ext), kind, 500000+1000*day)
		h.put(fmt.Sprintf("dumps/daily/db%d-%03d%s", i, day, ext), kind, 500000+1000*day)
		delete(h.files, fmt.Sprintf("dumps/daily/db%d-%03d%s", i, day-7, ext))
	}
	if day == 0 {
		for i := range 30 {
			h.put(fmt.Sprintf("etc/conf%d.cnf", i), "text", 1500)
		}
	}
}

func mailServer(h *simHost, day int) {
	if day == 0 {
		for i := range 700 {
			h.put(fmt.Sprintf("mail/user%d/cur/%d.M%dP1.host:2,S", i%10, i, i), "text", 5000)
		}
	}
	for i := range 30 + h.rng.IntN(60) {
		h.put(fmt.Sprintf("mail/user%d/new/%d-%d.M1P2.host", h.rng.IntN(10), day, i), "text", 5000)
	}
	for _, name := range h.some("mail/", 50) { // read: moved and renamed by flags
		if dir := path.Dir(name); strings.HasSuffix(dir, "/new") {
			h.files[strings.TrimSuffix(dir, "new")+"cur/"+path.Base(name)+":2,S"] = h.files[name]
			delete(h.files, name)
		}
	}
	for _, name := range h.some("mail/", 20) {
		delete(h.files, name)
	}
}

func developer(h *simHost, day int) {
	if day == 0 {
		for i := range 500 {
			h.put(fmt.Sprintf("src/project%d/file%d.go", i%10, i), "text", 6000)
		}
	}
	h.edit(h.some("src/", 10+h.rng.IntN(40)))
	if day%5 == 3 { // another branch is built
		for _, name := range h.some("build/", 400) {
			delete(h.files, name)
		}
		for i := range 100 + h.rng.IntN(200) {
			h.put(fmt.Sprintf("build/%d/obj%d.o", day, i), "program", 20000)
		}
	}
	for i := range 3 { // packs of git
		h.put(fmt.Sprintf("src/project%d/.git/objects/pack/pack-%x.pack", i, binary.BigEndian.AppendUint32(nil, uint32(h.rng.Uint64()))), "noise", 40000)
	}
}

var lives = []func(*simHost, int){fileServer, webServer, photoArchive, database, mailServer, developer}
