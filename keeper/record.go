package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/ahead"
	"github.com/cesnet/rwm/internal/readfile"
	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/rwm"
)

// record is what is known of a storage from earlier passes. It is one JSON file in
// the state directory, holds no secret, and can be lost.
type record struct {
	Version int `json:"version"`
	identity

	LastPass time.Time `json:"last_pass"`
	// Begun is the task that a pass is doing, or died of.
	Begun  Task                 `json:"begun,omitempty"`
	Tasks  map[Task]*taskRecord `json:"tasks"`
	Survey *Survey              `json:"survey,omitempty"`
	// Sizes is the size of the bucket once a day, for its growth.
	Sizes []sizeAt `json:"sizes,omitempty"`

	Locked bool      `json:"locked,omitempty"`
	Floor  time.Time `json:"floor,omitzero"`
	// Keeps is how long the bucket's lock keeps every moment restorable, as last seen.
	Keeps time.Duration `json:"keeps,omitempty"`
	// Weakened is what the last renewal found the settings to promise less than before;
	// LockAccepted says that a person has looked at that.
	Weakened     string `json:"weakened,omitempty"`
	LockAccepted bool   `json:"lock_accepted,omitempty"`
	// FrozenRenewal says that the last renewal extended everything.
	FrozenRenewal bool `json:"frozen_renewal,omitempty"`

	Marks      []Mark        `json:"marks,omitempty"`
	MarksTotal int           `json:"marks_total,omitempty"`
	LastGood   time.Time     `json:"last_good,omitzero"`
	Steps      []HistoryStep `json:"steps,omitempty"`
	Settled    []Mark        `json:"settled,omitempty"`
	States     []time.Time   `json:"states,omitempty"`
	// JudgedFor and ProvedFor are the surveys' fingerprints for which history and
	// proof hold.
	JudgedFor string `json:"judged_for,omitempty"`
	ProvedFor string `json:"proved_for,omitempty"`
	SignsFor  string `json:"signs_for,omitempty"`
	Proof     *Proof `json:"proof,omitempty"` // the last that proved something

	// Slices are when each slice of the packs was last read.
	Slices    []time.Time  `json:"slices,omitempty"`
	ReadSince time.Time    `json:"read_since,omitzero"`
	Drill     *DrillResult `json:"drill,omitempty"`
	Drills    int          `json:"drills,omitempty"`

	Backups map[string]*backupRecord `json:"backups,omitempty"`
	Alarms  []*Alarm                 `json:"alarms,omitempty"`
	// Forgot are the snapshots that the last pass forgot itself, or was about to forget.
	Forgot []string `json:"forgot,omitempty"`
	// Review is the time up to which a person has looked at the marks of the history,
	// and at changed settings, in the form of the admin's own ([rwm.WithReviews]).
	Review rwm.Review `json:"review,omitzero"`
	Told   *told      `json:"told,omitempty"`
	// Lost is when the state of earlier passes could not be read.
	Lost time.Time `json:"lost,omitzero"`
}

// taskRecord is how a task last went.
type taskRecord struct {
	Tried    time.Time `json:"tried"`
	Proved   time.Time `json:"proved,omitzero"` // last time it was
	Outcome  Outcome   `json:"outcome"`
	Text     string    `json:"text,omitempty"`
	Requests int64     `json:"requests"` // of the last try
	Bytes    int64     `json:"bytes"`
	Seconds  float64   `json:"seconds"`
}

type sizeAt struct {
	Time  time.Time `json:"time"`
	Bytes int64     `json:"bytes"`
}

// backupRecord is the past of one backup of one host.
type backupRecord struct {
	Host  string              `json:"host"`
	Name  string              `json:"name"`
	Paths []string            `json:"paths"`
	Past  []signs.Observation `json:"past"`
	Times []time.Time         `json:"times"` // of the newest snapshots
	Gone  bool                `json:"gone,omitempty"`
	// Known are the snapshots that existed at the last pass, Vanished how many of them
	// were gone at a time.
	Known    []string  `json:"known,omitempty"`
	Vanished []int     `json:"vanished,omitempty"`
	Latest   time.Time `json:"latest"`
}

// Alarm is a sign of ransomware that a pass has found. It stays open until it is
// acknowledged.
type Alarm struct {
	ID     string `json:"id"`
	Host   string `json:"host"`
	Backup string `json:"backup"`
	signs.Alarm
	Seen  time.Time `json:"seen"`
	Acked *Ack      `json:"acked,omitempty"`
}

// Ack records who acknowledged an alarm, and when.
type Ack struct {
	Time time.Time `json:"time"`
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
}

func (r *record) task(t Task) *taskRecord {
	if r.Tasks[t] == nil {
		r.Tasks[t] = &taskRecord{}
	}
	return r.Tasks[t]
}

// frozen reports whether nothing may lapse or be dropped.
func (r *record) frozen() bool {
	return len(r.open()) > 0 || len(r.unreviewed()) > 0 || len(r.changedSettings()) > 0 || !r.Lost.IsZero()
}

// open lists the alarms nobody has acknowledged.
func (r *record) open() (list []*Alarm) {
	for _, a := range r.Alarms {
		if a.Acked == nil {
			list = append(list, a)
		}
	}
	return list
}

func (r *record) unreviewed() (list []Mark) {
	for _, m := range r.Marks {
		if m.Time.After(r.Review.Until) {
			list = append(list, m)
		}
	}
	return list
}

// changedSettings lists the changes of the bucket's settings that nobody has looked at.
func (r *record) changedSettings() (list []Mark) {
	if r.Review.Settings == nil {
		return nil
	}
	for _, c := range r.Review.Settings.Changes {
		if c.Seen.After(r.Review.SettingsUntil) {
			list = append(list, Mark{Time: c.Seen, Reason: shown(c.String())})
		}
	}
	return list
}

const recordVersion = 1

// stateDir is the keeper's directory.
type stateDir string

func (d stateDir) file(storage string) string {
	return filepath.Join(string(d), "storages", storage+".json")
}

// mostStep is how far a clock may be set back without anything being forgotten.
const mostStep = time.Hour

// drills is where drills restore to.
func (d stateDir) drills() string { return filepath.Join(string(d), "cache", "drill") }

// forgetFuture drops times in the future at which something was done: the clock was
// wrong then, or is now. A storage would otherwise stay green until that time without
// any proof.
func (r *record) forgetFuture(now time.Time) {
	limit := now.Add(mostStep)
	for t, task := range r.Tasks {
		if task != nil && (task.Tried.After(limit) || task.Proved.After(limit)) {
			delete(r.Tasks, t)
		}
	}
	if r.LastPass.After(limit) {
		r.LastPass = time.Time{}
	}
	if r.ReadSince.After(limit) {
		r.ReadSince = now
	}
	for i, at := range r.Slices {
		if at.After(limit) {
			r.Slices[i] = time.Time{}
		}
	}
	r.Sizes = slices.DeleteFunc(r.Sizes, func(s sizeAt) bool { return s.Time.After(limit) })
	ahead.Drop(now, &r.Review.Until, &r.Review.SettingsUntil)
	if known := r.Review.Settings; known != nil {
		for i := range known.Changes {
			if c := &known.Changes[i]; c.Seen.After(limit) {
				c.Seen = now // a person can acknowledge that
			}
		}
	}
}

// holes reports whether something is null that a keeper never leaves null. A task may
// be: it starts afresh.
func (r *record) holes() bool {
	for _, b := range r.Backups {
		if b == nil {
			return true
		}
	}
	return slices.Contains(r.Alarms, nil)
}

// save writes a record. In the middle of a pass it need not be synced: what a crash of
// the machine loses is done again.
func (d stateDir) save(storage string, r *record, sync bool) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := writeFile(d.file(storage), text, 0o600, sync); err != nil {
		return fmt.Errorf("state of storage %s not saved: %w", storage, err)
	}
	return nil
}

// WriteFile replaces a file atomically: readers see either the old or the new content
// in full, even after a crash. A symbolic link stays, and something that is not a file,
// such as /dev/stdout, is not replaced.
func WriteFile(name string, content []byte, mode os.FileMode) error {
	return writeFile(name, content, mode, true)
}

func writeFile(name string, content []byte, mode os.FileMode, sync bool) (err error) {
	if name, err = readfile.Replaceable(name); err != nil {
		return fmt.Errorf("write %w; nothing was changed", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Chmod(mode), likeDirectory(f.Name(), filepath.Dir(name)), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
