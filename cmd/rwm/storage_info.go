package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/s3state"
)

type storageInfoCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
	Verify int    `help:"How many of the newest saved states to compare with the version history; 0 for none, -1 for all." placeholder:"N" default:"10"`
}

func (storageInfoCmd) Help() string {
	return `The key and version id of a saved state are what rwm storage-restore-state takes. A
state is what the host claims. Compared with the version history, which only the server
writes, it is

  verified       the history shows exactly these objects at its time
  differs        the history contradicts it: it may be forged
  reclaimed      the bucket's lifecycle rule has removed versions that it names, when due
  unverifiable   versions that it names are gone, and no rule explains it
  unreadable     not a state, or one of another bucket`
}

func (c storageInfoCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	info, err := m.Storage().Info(a.ctx, c.Bucket, s3state.InfoOptions{VerifyStates: c.Verify, NoVerify: c.Verify == 0, OnEvent: a.onStorageEvent})
	a.bar.end()
	if err != nil {
		return err
	}
	floor, err := a.lockOf(m, c.Bucket)
	if err != nil {
		return err
	}
	proof, err := m.KnownProof(c.Bucket)
	if err != nil {
		return err
	}
	renewed, err := m.LastRenewal(c.Bucket)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		out := newJSONInfo(info)
		if !renewed.Time.IsZero() {
			out.Renewed = &renewed
		}
		out.Locked, out.Keeper, out.Repository = floor, info.Check.Keeper, proof
		return a.emit(out)
	}
	a.showInfo(info, proof)
	a.showLock(floor, info.Check.Keeper, renewed)
	return nil
}

func (a *app) showInfo(info *s3state.Info, proof s3state.Proof) {
	check := info.Check
	a.field("Bucket", info.Bucket)
	a.field("Policy", a.paint(yesNo(check.OK, "OK", "FAILED")))
	for _, text := range check.Problems {
		a.field("  problem", printable(a.suggestion(text)))
	}
	for _, text := range check.Notes {
		a.field("  note", printable(a.suggestion(text)))
	}
	a.field("Repository", proofText(proof))
	a.field("Owner", printable(info.ACL.Owner.ID))
	a.field("Admin", printable(cmp.Or(check.Admin, "-")))
	a.field("Target user", printable(cmp.Or(check.TargetUser(), "-")))
	if check.Keeper != "" {
		a.field("Keeper", printable(check.KeeperUser()))
	}
	if text := sealText(check); text != "" {
		a.field("Reading by the host", text)
	}
	a.field("Versioning", cmp.Or(string(check.Versioning), "never enabled"))
	a.printf("%-22s %d (%s)\n", "Objects:", info.Objects, formatBytes(info.ObjectBytes))
	a.printf("%-22s %d (%s)\n", "Old versions:", info.OldVersions, formatBytes(info.OldVersionBytes))
	a.field("Delete markers", info.DeleteMarkers)
	for _, g := range info.ACL.Grants {
		a.field("ACL", printable(cmp.Or(cmp.Or(g.Grantee.ID, g.Grantee.URI), g.Grantee.DisplayName)+" "+g.Permission))
	}
	a.showSettings(info.Settings)
	a.println("Policy document:")
	a.println(indentJSON(info.Policy))
	a.printf("Saved states: %d\n", len(info.States))
	if len(info.States) > 0 {
		g := &grid{header: []string{"STATE KEY", "STATE VERSION", "SAVED", "SIZE", "VERIFICATION", ""}, right: []int{3}}
		for _, s := range info.States {
			g.add(printable(s.Key), printable(s.VersionID), formatTime(s.Time), formatBytes(s.Size), verificationOf(s),
				yesNo(s.IsLatest, "", "deleted or overwritten"))
		}
		a.show(g)
	}
	for _, s := range info.States {
		a.showDifferences(s)
	}
}

// showSettings prints what the bucket does by itself.
func (a *app) showSettings(set *s3state.Settings) {
	if set == nil {
		return
	}
	for _, f := range set.Lifecycle {
		a.field("Lifecycle", printable(lifecycleText(f)))
	}
	if l := set.Lock; l != nil {
		text := "enabled, no default retention"
		if l.Mode != "" {
			text = fmt.Sprintf("%s for %s", l.Mode, count(l.RetainDays, "day"))
		}
		a.field("Object lock", printable(text))
		for _, problem := range l.Problems {
			a.field("  note", printable(problem))
		}
	}
	if set.Encryption != "" {
		a.field("Default encryption", printable(set.Encryption))
	}
	for _, to := range set.Replication {
		a.field("Replicated to", printable(to))
	}
	if set.Notifications > 0 {
		a.field("Notifications", set.Notifications)
	}
	if set.Uploads > 0 {
		a.printf("%-22s %d (%s), the first of %s\n", "Unfinished uploads:", set.Uploads, formatBytes(set.UploadBytes), formatTime(set.FirstUpload))
	}
	if len(set.Unknown) > 0 {
		a.field("Not to be read", strings.Join(set.Unknown, ", "))
	}
}

// lifecycleText describes a rule and what it will do to the objects in the bucket.
func lifecycleText(f s3state.LifecycleForecast) string {
	var does []string
	add := func(when bool, format string, args ...any) {
		if when {
			does = append(does, fmt.Sprintf(format, args...))
		}
	}
	add(f.NoncurrentDays > 0, "removes old versions after %s", count(f.NoncurrentDays, "day"))
	add(f.NewerNoncurrent > 0, "leaves %d of them", f.NewerNoncurrent)
	add(f.ExpireDays > 0, "deletes objects after %s", count(f.ExpireDays, "day"))
	add(!f.ExpireDate.IsZero(), "deletes objects on %s", f.ExpireDate.Format(time.DateOnly))
	add(f.LoneMarkers, "removes delete markers left alone")
	add(f.UploadDays > 0, "aborts uploads after %s", count(f.UploadDays, "day"))
	text := cmp.Or(f.ID, "(no name)") + ": " + cmp.Or(strings.Join(does, ", "), "removes nothing")
	if f.Prefix != "" {
		text += ", below " + f.Prefix
	}
	if f.Narrowed {
		text += ", of some tags or sizes"
	}
	if f.Versions > 0 {
		text += fmt.Sprintf("; of what is there %s (%s), the first on %s", count(f.Versions, "version"), formatBytes(f.Bytes), f.First.Format(time.DateOnly))
	}
	return text
}

// verificationOf is the outcome in a word, "" if the state was not compared.
func verificationOf(s s3state.SavedState) string {
	switch {
	case s.Unreadable != nil:
		return "unreadable"
	case s.Verification != nil:
		return string(s.Verification.Status)
	}
	return ""
}

// showDifferences says why a state is not verified, its first reasons.
func (a *app) showDifferences(s s3state.SavedState) {
	reasons, total := differences(s)
	if total == 0 {
		return
	}
	a.printf("State %s version %s:\n", printable(s.Key), printable(s.VersionID))
	for _, text := range reasons[:min(len(reasons), maxShown)] {
		a.println("  " + printable(text))
	}
	if more := total - maxShown; more > 0 {
		a.printf("  and %d more\n", more)
	}
}

// differences lists how a state and the history differ; total counts also those
// that are not listed.
func differences(s s3state.SavedState) (reasons []string, total int) {
	if s.Unreadable != nil {
		return []string{s.Unreadable.Error()}, 1
	}
	v := s.Verification
	if v == nil {
		return nil, 0
	}
	for _, d := range v.Differences {
		reasons = append(reasons, d.String())
	}
	for _, m := range v.Missing {
		reasons = append(reasons, fmt.Sprintf("%q version %q: %s", m.Key, m.VersionID, m.Reason))
	}
	return reasons, v.Total + v.TotalMissing
}

func indentJSON(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "  none"
	}
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return "  " + printable(string(raw))
	}
	text, _ := json.MarshalIndent(value, "  ", "  ")
	return "  " + strings.TrimSpace(string(text))
}

type jsonInfo struct {
	jsonSeal
	Bucket     string   `json:"bucket"`
	PolicyOK   bool     `json:"policy_ok"`
	Problems   []string `json:"problems"`
	Notes      []string `json:"notes,omitempty"`
	Owner      string   `json:"owner"`
	Admin      string   `json:"admin"`
	Target     string   `json:"target"`
	TargetUser string   `json:"target_user"`
	Versioning string   `json:"versioning"`
	Keeper     string   `json:"keeper,omitempty"`
	// Locked is left out where nothing is locked, or the credentials may not know.
	Locked *s3state.LockFloor `json:"locked,omitempty"`
	// Renewed is what the last renewal on this machine proved.
	Renewed         *s3state.FloorProof `json:"renewed,omitempty"`
	Objects         int64               `json:"objects"`
	ObjectBytes     int64               `json:"object_bytes"`
	OldVersions     int64               `json:"old_versions"`
	OldVersionBytes int64               `json:"old_version_bytes"`
	DeleteMarkers   int64               `json:"delete_markers"`
	ACL             s3state.ACL         `json:"acl"`
	Policy          json.RawMessage     `json:"policy"`

	Settings   *s3state.Settings `json:"settings,omitempty"`
	States     []jsonState       `json:"states"`
	Repository s3state.Proof     `json:"repository"`
}

// jsonState is a saved state.
type jsonState struct {
	Key       string    `json:"key"`
	VersionID string    `json:"version_id"`
	Time      time.Time `json:"time"`
	Size      int64     `json:"size"`
	Latest    bool      `json:"latest"`
	// Set where the state was compared with the version history.
	Verification string   `json:"verification,omitempty"` // verified, differs, reclaimed, unverifiable, unreadable
	Differences  []string `json:"differences,omitempty"`
	Total        int      `json:"total_differences,omitempty"`
}

func newJSONState(s s3state.SavedState) jsonState {
	reasons, total := differences(s)
	return jsonState{
		Key: s.Key, VersionID: s.VersionID, Time: s.Time, Size: s.Size, Latest: s.IsLatest,
		Verification: verificationOf(s), Differences: reasons, Total: total,
	}
}

func newJSONInfo(info *s3state.Info) jsonInfo {
	check := info.Check
	out := jsonInfo{
		jsonSeal: newJSONSeal(check),
		Bucket:   info.Bucket, PolicyOK: check.OK, Problems: orEmpty(check.Problems), Notes: check.Notes,
		Owner: info.ACL.Owner.ID, Admin: check.Admin, Target: check.Target, TargetUser: check.TargetUser(), Versioning: string(check.Versioning),
		Objects: info.Objects, ObjectBytes: info.ObjectBytes, OldVersions: info.OldVersions, OldVersionBytes: info.OldVersionBytes,
		DeleteMarkers: info.DeleteMarkers, ACL: info.ACL, Policy: info.Policy, Settings: info.Settings, States: []jsonState{},
	}
	if !json.Valid(out.Policy) {
		out.Policy = json.RawMessage("null")
	}
	for _, s := range info.States {
		out.States = append(out.States, newJSONState(s))
	}
	return out
}
