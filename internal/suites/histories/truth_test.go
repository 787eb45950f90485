package histories

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// truth is what really happened.
type truth struct {
	trees   map[string]backedUp // by the tree of a snapshot
	moments []moment            // at which all was well, the oldest first
	attack  time.Time           // when the first attack began; zero if there was none
	damaged bool                // something of what the host wrote has been lost by accident
	// migrated: the config was replaced, and only the password tells by what.
	migrated bool
}

// backedUp is what a snapshot has to give back.
type backedUp struct {
	dir   string
	files map[string][]byte
}

// moment is a time at which no run was under way.
type moment struct {
	at, until time.Time
	objects   []restic.ObjectVersion
	password  string
	what      string
	state     bool // a state was saved last
}

func newTruth() truth { return truth{trees: map[string]backedUp{}} }

// quiet ends an honest operation.
func (w *world) quiet(what string, state bool) {
	w.pass(1500 * time.Millisecond)
	m := moment{at: w.now(), objects: w.current(), password: w.password, what: what, state: state}
	w.pass(1500 * time.Millisecond)
	m.until = w.now()
	w.truth.moments = append(w.truth.moments, m)
}

// wait is the time until something else happens.
func (w *world) wait() {
	w.pass(one(w, []time.Duration{time.Second, 20 * time.Second, 3 * time.Minute, 11 * time.Minute, 40 * time.Minute, 2 * time.Hour}))
	if n := len(w.truth.moments); n > 0 && w.truth.attack.IsZero() {
		w.truth.moments[n-1].until = w.now()
	}
}

// remember notes what the snapshots with a tree stand for.
func (w *world) remember(h *host, s *restic.Session, id restic.ID) error {
	list, err := s.Snapshots(w.ctx, restic.SnapshotFilter{IDs: []string{id.String()}})
	if err != nil || len(list) != 1 {
		return fmt.Errorf("%d snapshots %s: %w", len(list), id, err)
	}
	files := make(map[string][]byte, len(h.files))
	for name, body := range h.files {
		files[name] = body
	}
	w.truth.trees[list[0].Tree.String()] = backedUp{h.dir, files}
	return nil
}

// change makes the files of a host others than they were.
func (w *world) change(h *host) {
	name := fmt.Sprintf("d%d/file%d", w.r.IntN(2), w.r.IntN(3))
	body := w.bytes(200 + w.r.IntN(5000))
	if old := h.files[name]; len(old) > 0 && w.r.IntN(2) == 0 {
		body = append(slices.Clone(old), w.bytes(100)...)
	}
	h.files[name] = body
	path := filepath.Join(h.dir, filepath.FromSlash(name))
	must(w, os.MkdirAll(filepath.Dir(path), 0o700))
	must(w, os.WriteFile(path, body, 0o600))
}

// current are the objects that are there, by what the server says and no clock.
func (w *world) current() (list []restic.ObjectVersion) {
	for _, v := range w.versions("") {
		if v.IsLatest && !v.DeleteMarker {
			list = append(list, restic.ObjectVersion{Key: v.Key, VersionID: v.VersionID, Size: v.Size, LastModified: v.LastModified})
		}
	}
	return list
}

// asOf is what RWM says was current at a time.
func (w *world) asOf(at time.Time) (list []restic.ObjectVersion) {
	view, err := w.manages("").Storage().View(w.ctx, w.bucket, s3state.Moment{At: at}, s3state.ViewOptions{})
	must(w, err)
	for o := range view.All("") {
		list = append(list, restic.ObjectVersion{Key: o.Key, VersionID: o.VersionID, Size: o.Size, LastModified: o.LastModified})
	}
	return list
}

// inRepository leaves locks and states out, which come and go.
func inRepository(list []restic.ObjectVersion) []string {
	var keys []string
	for _, o := range list {
		if t := s3state.TypeOf(o.Key); t != s3state.TypeLock && t != s3state.TypeState && t != s3state.TypeOther {
			keys = append(keys, o.Key+" "+o.VersionID)
		}
	}
	return keys
}

// good opens the repository at a moment with the password, reads all of it and compares
// what it knows of what is in there. nil if all is well.
func (w *world) good(objects []restic.ObjectVersion, password string) error {
	loc := restic.AsOf(w.admin, w.bucket, "", "as of then", slices.Values(objects))
	// A check makes a buffer of 4 MiB for each connection.
	s, err := restic.Open(w.ctx, loc, password, restic.WithoutCache(), restic.WithRetryFor(0), restic.WithConnections(2))
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	defer s.Close() //nolint:errcheck // it has only read
	if _, err := s.Check(w.ctx, restic.CheckOptions{ReadData: true}); err != nil {
		return fmt.Errorf("check --read-data: %w", err)
	}
	list, err := s.Snapshots(w.ctx, restic.SnapshotFilter{})
	if err != nil {
		return err
	}
	// A tree is named by the hash of all below it, and that was checked. So one
	// snapshot stands for the others.
	w.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, sn := range list {
		if want, known := w.truth.trees[sn.Tree.String()]; known {
			return w.restores(s, sn.ID, want)
		}
	}
	return nil
}

func (w *world) restores(s *restic.Session, id restic.ID, want backedUp) error {
	target, err := os.MkdirTemp(w.dir, "restored-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(target) //nolint:errcheck // the whole directory is temporary
	_, err = s.Restore(w.ctx, restic.RestoreOptions{Snapshot: id.String() + ":" + filepath.ToSlash(want.dir), Target: target})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	n := 0
	err = filepath.WalkDir(target, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(target, path)
		got, err := os.ReadFile(path)
		if err == nil && !bytes.Equal(got, want.files[filepath.ToSlash(rel)]) {
			err = fmt.Errorf("%s was restored as something else", rel)
		}
		return err
	})
	if err == nil && n != len(want.files) {
		err = fmt.Errorf("%d files were restored, expected %d", n, len(want.files))
	}
	return err
}

// stillThere sees that all is there that was there at a moment, and good.
func (w *world) stillThere(m *moment) error {
	if lost := w.gone(m.objects); len(lost) > 0 {
		return fmt.Errorf("these objects are gone: %q", lost)
	}
	return w.good(m.objects, m.password)
}

// gone are the objects of a list whose versions no longer exist.
func (w *world) gone(list []restic.ObjectVersion) (lost []string) {
	there := make(map[string]bool)
	for _, v := range w.versions("") {
		there[v.Key+" "+v.VersionID] = true
	}
	for _, o := range inRepository(list) {
		if !there[o] {
			lost = append(lost, o)
		}
	}
	return lost
}
