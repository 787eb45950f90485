package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/plural"
)

// The state of earlier passes belongs to a bucket, not to a name: a storage that is
// renamed in the configuration keeps its alarms, and one that is taken out of it with
// unacknowledged alarms is still reported.

// identity says which bucket a record belongs to.
type identity struct {
	Bucket   string `json:"bucket"`
	Endpoint string `json:"endpoint"`
}

// isOf reports whether a record belongs to a storage. Old records have no endpoint.
func (id identity) isOf(cfg *StorageConfig) bool {
	return id.Bucket == cfg.ResticBucket && (id.Endpoint == "" || id.Endpoint == cfg.S3EndpointURL)
}

// identities reads which bucket each record belongs to, by the name of its file.
// Unreadable ones are left out: load reports them.
func (d stateDir) identities() (map[string]identity, error) {
	files, err := os.ReadDir(filepath.Join(string(d), "storages"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]identity{}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !storageName.MatchString(name) {
			continue
		}
		var id identity
		text, err := os.ReadFile(d.file(name))
		if err == nil && json.Unmarshal(text, &id) == nil && id.Bucket != "" {
			all[name] = id
		}
	}
	return all, nil
}

// places assigns the records: to each storage of the configuration the file that holds
// its bucket's record, if it has another name; and it lists the records that belong to
// none.
func (k *Keeper) places() (moved map[string]string, left []string, err error) {
	all, err := k.state.identities()
	if err != nil {
		return nil, nil, err
	}
	moved = map[string]string{}
	readable := maps.Clone(all)
	for name, cfg := range k.cfg.Storages {
		if id, ok := all[name]; ok && id.isOf(cfg) {
			delete(all, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.cfg.Storages)) {
		id, ok := readable[name]
		if ok && id.isOf(k.cfg.Storages[name]) {
			continue
		}
		if _, err := os.Stat(k.state.file(name)); err == nil && !ok {
			continue // one that cannot be read: load says so
		}
		for _, old := range slices.Sorted(maps.Keys(all)) {
			if all[old].isOf(k.cfg.Storages[name]) {
				moved[name] = old
				delete(all, old)
				break
			}
		}
	}
	return moved, slices.Sorted(maps.Keys(all)), nil
}

// settle gives each storage its bucket's record, under its present name. The caller has
// locked the state directory.
func (k *Keeper) settle() error {
	k.state.unmove()
	moved, left, err := k.places()
	if err != nil {
		return nil // load says so, of each storage
	}
	rename := map[string]string{} // from, to
	for to, from := range moved {
		rename[from] = to
	}
	for _, name := range left {
		if k.cfg.Storages[name] != nil { // the name is another bucket's now
			rename[name] = k.freeName(name)
		}
	}
	// Two storages may have swapped names.
	for from := range rename {
		if err := os.Rename(k.state.file(from), k.state.file(from)+".moving"); err != nil {
			return fmt.Errorf("state of storage %s: %w", from, err)
		}
	}
	for from, to := range rename {
		if err := os.Rename(k.state.file(from)+".moving", k.state.file(to)); err != nil {
			return fmt.Errorf("state of storage %s: %w", from, err)
		}
		k.log.Info("the state of a storage has another name now", "old", from, "new", to)
	}
	return nil
}

// unmove undoes the moves of a settle that was killed.
func (d stateDir) unmove() {
	files, _ := filepath.Glob(filepath.Join(string(d), "storages", "*.json.moving"))
	for _, f := range files {
		// Link does not overwrite.
		if name := strings.TrimSuffix(f, ".moving"); os.Link(f, name) == nil {
			_ = os.Remove(f)
		}
	}
}

// freeName returns a name for the record of a bucket that no longer has a storage.
func (k *Keeper) freeName(name string) string {
	for i := 1; ; i++ {
		free := fmt.Sprintf("%s.old%d", name[:min(len(name), 90)], i)
		if _, err := os.Lstat(k.state.file(free)); errors.Is(err, fs.ErrNotExist) && k.cfg.Storages[free] == nil {
			return free
		}
	}
}

// orphans are storages that are no longer in the configuration but have unacknowledged
// alarms.
func (k *Keeper) orphans() (list []*Status) {
	_, left, err := k.places()
	if err != nil {
		return nil // each storage says so
	}
	for _, name := range left {
		r, err := k.state.read(name)
		if err != nil || len(r.open())+len(r.unreviewed())+len(r.changedSettings()) == 0 {
			continue
		}
		s := &Status{
			Storage: name, Bucket: r.Bucket, LastPass: r.LastPass, Alarms: r.Alarms, Marks: r.Marks, Frozen: true, Survey: r.Survey,
			Recovery: []string{"rwm --config " + k.cfg.AdminConfig + " storage-history " + r.Bucket},
		}
		what := plural.Of(len(r.open()), "alarm")
		if open := r.open(); len(open) > 0 {
			what += fmt.Sprintf(" (the first: %s, %s)", open[0].ID, open[0].Text)
		}
		if n := len(r.unreviewed()) + len(r.changedSettings()); n > 0 {
			what += " and " + plural.Of(n, "mark") + " of its history and settings"
		}
		s.Reds = []Red{{"removed", fmt.Sprintf("Bucket %s is no longer in the configuration, but nobody has acknowledged %s.", r.Bucket, what),
			"rwm keep --config " + k.cfg.named() + " ack " + name + " all"}}
		list = append(list, s)
	}
	return list
}

// read reads a record as it is.
func (d stateDir) read(storage string) (*record, error) {
	text, err := os.ReadFile(d.file(storage))
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(text, r); err != nil || r.Version != recordVersion || r.holes() {
		return nil, fmt.Errorf("%s is not a state of this program: %w", d.file(storage), errors.Join(err, errUnreadable))
	}
	if r.Tasks == nil {
		r.Tasks = map[Task]*taskRecord{}
	}
	if r.Backups == nil {
		r.Backups = map[string]*backupRecord{}
	}
	return r, nil
}

// order is the order in which a pass visits storages, by their places among names:
// those at which a pass died come last. Else they could keep it from all others.
func (d stateDir) order(names []string) (all []int) {
	var last []int
	for i, name := range names {
		var died struct {
			Begun Task `json:"begun"`
		}
		if text, err := os.ReadFile(d.file(name)); err == nil && json.Unmarshal(text, &died) == nil && died.Begun != "" {
			last = append(last, i)
		} else {
			all = append(all, i)
		}
	}
	return append(all, last...)
}

var errUnreadable = errors.New("it cannot be understood")

// recall is load for a storage of the configuration, under whatever name it was before;
// it changes nothing.
func (k *Keeper) recall(names []string) (map[string]*record, error) {
	moved, _, err := k.places()
	if err != nil {
		return nil, err
	}
	all := map[string]*record{}
	for _, name := range names {
		file := name
		if old := moved[name]; old != "" {
			file = old
		}
		if all[name], err = k.state.load(file, k.cfg.Storages[name], k.now()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// load reads the record of a storage. If it cannot be understood, a new one is begun,
// which says so until a person has looked: alarms may be lost with it.
func (d stateDir) load(file string, cfg *StorageConfig, now time.Time) (*record, error) {
	fresh := &record{Version: recordVersion, identity: identity{cfg.ResticBucket, cfg.S3EndpointURL},
		Tasks: map[Task]*taskRecord{}, Backups: map[string]*backupRecord{}}
	r, err := d.read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fresh, nil
	case errors.Is(err, errUnreadable):
		fresh.Lost = now
		return fresh, nil
	case err != nil:
		return nil, err
	case !r.isOf(cfg):
		return fresh, nil // settle puts it where it belongs
	}
	r.Endpoint = cfg.S3EndpointURL
	r.forgetFuture(now)
	return r, nil
}

// putAside keeps a record that cannot be understood, for people to look at. The caller
// has locked the state directory.
func (d stateDir) putAside(storage string) error {
	if _, err := d.read(storage); !errors.Is(err, errUnreadable) {
		return nil
	}
	text, err := os.ReadFile(d.file(storage))
	if err != nil {
		return err
	}
	return WriteFile(d.file(storage)+".unreadable", text, 0o600)
}
