package keeper

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/ahead"
	"github.com/cesnet/rwm/internal/plural"
)

// Status describes a storage, as far as passes have proved it.
type Status struct {
	Storage string `json:"storage"`
	Bucket  string `json:"bucket"`
	// Green is set only if everything due was proved in time and no alarm is open.
	Green bool  `json:"green"`
	Reds  []Red `json:"reds"`

	LastPass   time.Time    `json:"last_pass,omitzero"`
	LastBackup time.Time    `json:"last_backup,omitzero"`
	Proof      *Proof       `json:"proof,omitempty"`
	ProvedAt   time.Time    `json:"proved_at,omitzero"`
	LastGood   time.Time    `json:"last_good,omitzero"`
	Drill      *DrillResult `json:"drill,omitempty"`
	Locked     bool         `json:"locked"`
	Floor      time.Time    `json:"floor,omitzero"`
	Survey     *Survey      `json:"survey,omitempty"`
	// Growth is the average growth of the bucket over the last month, in bytes a day.
	Growth float64 `json:"growth_bytes_per_day"`
	// ReadShare is the share of the packs read within their period.
	ReadShare float64       `json:"read_share"`
	Frozen    bool          `json:"frozen"`
	Alarms    []*Alarm      `json:"alarms"`
	Tasks     []TaskStatus  `json:"tasks"`
	Backups   []BackupState `json:"backups"`
	Steps     []HistoryStep `json:"steps,omitempty"`
	Marks     []Mark        `json:"marks,omitempty"`
	// Settled are marks that do not count, States when states were saved.
	Settled []Mark      `json:"settled,omitempty"`
	States  []time.Time `json:"states,omitempty"`
	// Recovery lists the commands that bring the data back.
	Recovery []string `json:"recovery"`
}

// Red is one reason why a storage is not green.
type Red struct {
	Code     string `json:"code"` // stable, for machines
	Sentence string `json:"sentence"`
	Command  string `json:"command"` // what to type
}

// TaskStatus describes the last run of a task and when the next one is due.
type TaskStatus struct {
	Task     Task      `json:"task"`
	Every    Every     `json:"every"`
	Outcome  Outcome   `json:"outcome,omitempty"`
	Text     string    `json:"text,omitempty"`
	Proved   time.Time `json:"proved,omitzero"`
	Next     time.Time `json:"next,omitzero"`
	Requests int64     `json:"requests"`
	Bytes    int64     `json:"bytes"`
	Seconds  float64   `json:"seconds"`
}

// BackupState describes one backup of one host, as of its latest snapshot.
type BackupState struct {
	Host      string    `json:"host"`
	Name      string    `json:"name"`
	Paths     []string  `json:"paths"`
	Latest    time.Time `json:"latest"`
	Snapshot  string    `json:"snapshot"`
	Files     int       `json:"files"`
	Bytes     uint64    `json:"bytes"`
	Snapshots int       `json:"snapshots"`
	Seconds   float64   `json:"seconds"`
	// Recent are the newest snapshots, the newest first, at most 20.
	Recent []SnapshotState `json:"recent,omitempty"`
}

// SnapshotState describes one snapshot.
type SnapshotState struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Files   int       `json:"files"`
	Bytes   uint64    `json:"bytes"`
	Added   uint64    `json:"data_added"`
	Changed int       `json:"changed"` // files new, changed and deleted
}

// status judges a record. It asks nobody and changes nothing.
func status(name string, cfg *StorageConfig, admin, keeperConf string, r *record, now time.Time) *Status {
	s := &Status{
		Storage: name, Bucket: cfg.ResticBucket, LastPass: r.LastPass, Proof: r.Proof, LastGood: r.LastGood, Reds: []Red{},
		Drill: r.Drill, Locked: r.Locked, Floor: r.Floor, Survey: r.Survey, Frozen: r.frozen(), Alarms: r.Alarms,
		Growth: growth(r.Sizes), ReadShare: readShare(r, cfg.ReadAllWithin, now), Steps: r.Steps, Marks: r.Marks, Settled: r.Settled, States: r.States,
	}
	if t := r.Tasks[TaskProve]; t != nil {
		s.ProvedAt = t.Proved
	}
	j := &judge{Status: s, cfg: cfg, r: r, now: now, admin: "rwm --config " + admin, keep: "rwm keep --config " + keeperConf, keeper: keeperConf}
	j.backups()
	j.passes()
	j.anything()
	j.alarms()
	j.marks()
	j.settings()
	j.lost()
	j.promise()
	for _, t := range tasks {
		j.task(t)
	}
	j.lastBackup()
	j.recovery()
	s.Green = len(s.Reds) == 0
	return s
}

type judge struct {
	*Status
	cfg         *StorageConfig
	r           *record
	now         time.Time
	admin, keep string
	keeper      string // the configuration
	out         bool   // the bucket cannot be listed
}

func (j *judge) red(code, command, format string, args ...any) {
	j.Reds = append(j.Reds, Red{code, fmt.Sprintf(format, args...), command})
}

// anything reports a storage of which nothing is asked, such as one whose StorageConfig
// was made in Go without periods.
func (j *judge) anything() {
	on := func(t Task) bool { return j.cfg.every(t).On() }
	if !slices.ContainsFunc(tasks, on) && !j.cfg.ExpectBackupWithin.On() {
		j.red("no-tasks", j.keep+" --explain", "Every task is off, and so is expect_backup_within: nothing is checked.")
	}
}

func (j *judge) passes() {
	again := j.keep + " --storage " + j.Storage
	switch t := j.r.Tasks[TaskSurvey]; {
	case j.r.LastPass.IsZero():
		j.red("never-run", again, "No pass has been made over it yet.")
	case j.now.Sub(j.r.LastPass) > 48*time.Hour:
		j.red("not-run", "systemctl status rwm-keep.timer", "The last pass was %s.", ago(j.now, j.r.LastPass))
	case t != nil && t.Outcome != Proved:
		j.out = true
		command := again
		if strings.Contains(t.Text, "AccessDenied") {
			command = j.admin + " storage-info " + j.Bucket
		}
		j.red("unreachable", command, "The bucket cannot be listed: %s.", strings.TrimRight(t.Text, "."))
	}
	if s := j.r.Survey; s != nil && s.Newest.Sub(j.now) > ahead.Most {
		j.red("clock", "timedatectl", "By the server's clock something was written at %s, and here it is %s: one of the clocks is wrong, so what is due cannot be told.",
			s.Newest.UTC().Format(time.RFC3339), j.now.UTC().Format(time.RFC3339))
	}
}

func (j *judge) alarms() {
	for _, a := range j.r.open() {
		where := fmt.Sprintf("host %s, backup %s", a.Host, a.Backup)
		if a.Snapshot != "" {
			where += ", snapshot " + short(a.Snapshot)
		}
		if len(a.Paths) > 0 {
			where += ", for instance " + strings.Join(a.Paths[:min(3, len(a.Paths))], ", ")
		}
		j.red("alarm-"+a.ID, fmt.Sprintf("%s ack %s %s", j.keep, j.Storage, a.ID),
			"ALARM (%s): %s (%s). Look at the host first: nothing is dropped or forgotten until this is acknowledged.", a.Kind, a.Text, where)
	}
}

func (j *judge) marks() {
	list := j.r.unreviewed()
	if len(list) == 0 {
		return
	}
	m := list[0]
	j.red("history", j.admin+" storage-history "+j.Bucket,
		"The history shows what no run of restic does (%d in all), first at %s: %s. Once you have looked at it: %s ack %s history.",
		len(list), m.Time.UTC().Format(time.RFC3339), strings.TrimSpace(m.Reason+" "+m.Key), j.keep, j.Storage)
}

// settings reports the changes that others have made to the bucket's settings.
func (j *judge) settings() {
	list := j.r.changedSettings()
	if len(list) == 0 {
		return
	}
	j.Marks = append(slices.Clone(j.Marks), list...)
	j.red("settings", j.admin+" storage-info "+j.Bucket,
		"The settings of the bucket were changed (%d in all), found at %s: %s. Nothing is dropped or forgotten until you have looked at it: %s ack %s settings.",
		len(list), list[0].Time.UTC().Format(time.RFC3339), list[0].Reason, j.keep, j.Storage)
}

// promise reports that the bucket's own rule removes what is to be restorable.
func (j *judge) promise() {
	if p := j.cfg.Promise; j.r.Locked && Span(j.r.Keeps) < p && j.r.Keeps > 0 {
		j.red("promise", j.admin+" storage-lock "+j.Bucket+" --lock "+wholeDays(p),
			"Every moment of the last %s has to be restorable (promise), but the bucket's lock keeps them for %s only: lock it for longer, or promise less in %s.", p, Span(j.r.Keeps), j.keeper)
	}
}

// wholeDays is a length of time as storage-lock takes it.
func wholeDays(p Span) string {
	const day = 24 * time.Hour
	return fmt.Sprintf("%dd", (time.Duration(p)+day-1)/day)
}

// lost reports that alarms may have been lost.
func (j *judge) lost() {
	if !j.r.Lost.IsZero() {
		j.red("state-lost", j.keep+" ack "+j.Storage+" state",
			"What earlier passes knew could not be read at %s and was begun anew: alarms may have been forgotten with it. The file was put aside as %s.json.unreadable.",
			j.r.Lost.UTC().Format(time.RFC3339), j.Storage)
	}
}

// task returns the status of a task and adds what is red about it.
func (j *judge) task(t Task) {
	every := j.cfg.every(t)
	if t == TaskRenew && !j.r.Locked && j.cfg.Policy.On() || t == TaskDrop && j.r.Locked {
		every = Never() // a locked bucket lets old versions lapse by itself
	}
	r := j.r.Tasks[t]
	st := TaskStatus{Task: t, Every: every}
	if r != nil {
		st.Outcome, st.Text, st.Proved = r.Outcome, r.Text, r.Proved
		st.Requests, st.Bytes, st.Seconds = r.Requests, r.Bytes, r.Seconds
	}
	if every.On() && r != nil && !r.Tried.IsZero() {
		st.Next = r.Tried.Add(period(j.cfg, t))
	}
	j.Tasks = append(j.Tasks, st)
	if !every.On() || j.r.LastPass.IsZero() {
		return
	}
	command := map[Task]string{
		TaskPolicy:  j.admin + " storage-info " + j.Bucket,
		TaskAccess:  j.admin + " storage-info " + j.Bucket,
		TaskHistory: j.admin + " storage-history " + j.Bucket,
		TaskProve:   j.admin + " storage-check " + j.Bucket,
		TaskRead:    j.admin + " storage-check " + j.Bucket + " --read-data",
	}[t]
	command = cmp.Or(command, j.keep+" --storage "+j.Storage)
	held := (t == TaskForget || t == TaskDrop) && j.Frozen // red already, by what holds it
	limit := period(j.cfg, t)
	if t == TaskRead {
		limit = every.Duration()
	}
	switch {
	case held:
	case j.out && (r == nil || r.Tried.IsZero()): // it follows from that
	case r == nil || r.Tried.IsZero():
		j.red(string(t)+"-never", command, "To %s: not done yet.", t.describe())
	case r.Outcome != Proved:
		j.red(string(t), command, "To %s: %s: %s.", t.describe(), r.Outcome, cmp.Or(strings.TrimSuffix(r.Text, "."), "no reason is known"))
	case t == TaskRead:
		if late := overdue(j.r, every.Duration(), j.now); late > 0 {
			j.red("read-late", command, "%d of %s of the packs not read within %s.", late, plural.Of(len(j.r.Slices), "slice"), every)
		}
	case j.now.Sub(r.Proved) > limit+grace(limit):
		j.red(string(t)+"-late", command, "To %s: last proved %s, and due every %s.", t.describe(), ago(j.now, r.Proved), every)
	}
}

func (j *judge) lastBackup() {
	if s := j.r.Survey; s != nil {
		j.LastBackup = s.NewestSnapshot
	}
	// What the server has recorded counts; a snapshot's own time is the host's claim.
	limit := j.cfg.ExpectBackupWithin
	if !limit.On() || j.r.LastPass.IsZero() || j.r.Survey == nil {
		return
	}
	command := j.admin + " restic snapshots"
	if j.LastBackup.IsZero() {
		j.red("no-backup", command, "There is no backup in it.")
	} else if j.now.Sub(j.LastBackup) > limit.Duration() {
		j.red("no-backup", command, "The last backup came %s; one is expected within %s.", ago(j.now, j.LastBackup), limit)
	}
}

func (j *judge) backups() {
	for _, b := range j.r.Backups {
		if b.Gone {
			continue
		}
		st := BackupState{Host: b.Host, Name: b.Name, Paths: b.Paths, Latest: b.Latest, Snapshots: len(b.Times)}
		if n := len(b.Past); n > 0 {
			o := b.Past[n-1]
			st.Snapshot, st.Files, st.Bytes, st.Seconds = o.Snapshot, o.Files, o.Bytes, o.Seconds
		}
		for _, o := range slices.Backward(b.Past[max(0, len(b.Past)-20):]) {
			one := SnapshotState{ID: o.Snapshot, Time: o.Time, Files: o.Files, Bytes: o.Bytes, Added: o.DataAdded}
			if c := o.Changes; c != nil {
				one.Changed = c.New + c.Changed + c.Deleted
			}
			st.Recent = append(st.Recent, one)
		}
		j.Backups = append(j.Backups, st)
	}
	slices.SortFunc(j.Backups, func(a, b BackupState) int {
		return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.Name, b.Name))
	})
}

func (j *judge) recovery() {
	good := j.LastGood
	if good.IsZero() && j.Proof != nil {
		good = j.Proof.Moment
	}
	if good.IsZero() {
		j.Recovery = []string{j.admin + " storage-history " + j.Bucket}
		return
	}
	at := "'" + good.UTC().Format(time.RFC3339Nano) + "'"
	j.Recovery = []string{
		j.admin + " storage-history " + j.Bucket,
		j.admin + " restic --at " + at + " snapshots",
		j.admin + " restic --at " + at + " restore latest --target ./restored --verify",
		j.admin + " storage-restore-state " + j.Bucket + " " + j.Bucket + "-rescue --at " + at,
	}
}

func short(id string) string { return id[:min(8, len(id))] }

// ago says how long ago a time was, as people do.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < 2*time.Hour:
		return plural.Of(int(d.Minutes()), "minute") + " ago"
	case d < 48*time.Hour:
		return plural.Of(int(d.Hours()), "hour") + " ago"
	}
	return plural.Of(int(d.Hours()/24), "day") + " ago"
}

// growth in bytes a day.
func growth(sizes []sizeAt) float64 {
	if len(sizes) < 2 {
		return 0
	}
	first, last := sizes[0], sizes[len(sizes)-1]
	days := last.Time.Sub(first.Time).Hours() / 24
	return float64(last.Bytes-first.Bytes) / max(days, 1)
}
