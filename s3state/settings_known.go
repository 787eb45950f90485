package s3state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// KnownSettings remembers the settings of a bucket as they were last seen, so that a
// later look finds what has changed. It survives JSON and is for one bucket: keep it
// where no host can write. The zero value knows nothing, so the first look finds no
// change.
type KnownSettings struct {
	Seen time.Time `json:"seen,omitzero"` // when they were last looked at
	// Settings maps each setting to its parts, whose order means nothing. A setting
	// that could not be read is missing; one that the bucket does not have is empty.
	Settings map[string][]string `json:"settings,omitempty"`
	// Changes are the changes found, the oldest first, at most 100.
	Changes []SettingChange `json:"changes,omitempty"`
	// LocksKept is the shortest number of days after which a lifecycle rule that was
	// seen removes a deleted lock; 0 if no such rule was seen. LocksKeptUntil is the
	// latest time at which such a rule may still have been set. History uses both when
	// only the delete marker of a lock is left.
	LocksKept      int       `json:"locks_kept,omitempty"`
	LocksKeptUntil time.Time `json:"locks_kept_until,omitzero"`
}

// SettingChange is a change of a bucket setting that the admin did not make through
// this machine's RWM.
type SettingChange struct {
	Setting string    `json:"setting"` // such as "lifecycle"
	Since   time.Time `json:"since"`   // when it was last seen as it was before
	Seen    time.Time `json:"seen"`    // when the change was found
	Removed []string  `json:"removed,omitempty"`
	Added   []string  `json:"added,omitempty"`
}

// String describes the change in words.
func (c SettingChange) String() string {
	text := fmt.Sprintf("the bucket's %s was changed after %s", c.Setting, c.Since.UTC().Format(time.RFC3339))
	for _, side := range []struct {
		name  string
		parts []string
	}{{"removed", c.Removed}, {"added", c.Added}} {
		if len(side.parts) > 0 {
			text += fmt.Sprintf("; %s: %s", side.name, clipSetting(strings.Join(side.parts, ", ")))
		}
	}
	return text
}

// clipSetting shortens the text of a setting to fit a line; the JSON record has it
// whole.
func clipSetting(text string) string {
	const most = 400
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// mostChanges is how many changes are remembered.
const mostChanges = 100

// LookAtSettings reads the settings of a bucket and records in known what has changed
// since the last look. What the caller may not read stays as it was known.
func (s *Store) LookAtSettings(ctx context.Context, bucket string, known *KnownSettings) error {
	s = s.made()
	if known == nil {
		return errors.New("the settings known before are nil: there is nothing to record changes in")
	}
	found, err := s.settingsNow(ctx, bucket)
	if err != nil {
		return err
	}
	known.Look(found, s.now().UTC())
	return nil
}

// Look records what has changed between the last look and found, the settings as read
// at a time. A setting that found lacks stays as it was known.
func (k *KnownSettings) Look(found map[string][]string, at time.Time) {
	for _, name := range slices.Sorted(maps.Keys(found)) {
		k.take(name, found[name], at)
	}
	k.Seen = at
}

// Made records that the admin changed a setting through RWM, from before to after. If
// before is not what was known, another change came first, and that one is recorded as
// a change.
func (k *KnownSettings) Made(setting string, before, after []string, at time.Time) {
	k.take(setting, before, at)
	k.Settings[setting] = after
}

// Shortened records that locks of single versions were found shorter than a renewal
// had made them, as text says; they were proved at the time since.
func (k *KnownSettings) Shortened(text string, since, at time.Time) {
	k.add(SettingChange{Setting: "lock of single versions", Since: since.UTC(), Seen: at, Removed: []string{text}})
}

func (k *KnownSettings) add(c SettingChange) {
	k.Changes = append(k.Changes, c)
	k.Changes = k.Changes[max(len(k.Changes)-mostChanges, 0):]
}

// take records the current value of a setting.
func (k *KnownSettings) take(setting string, parts []string, now time.Time) {
	if k.Settings == nil {
		k.Settings = make(map[string][]string)
	}
	was, known := k.Settings[setting]
	k.Settings[setting] = parts
	if setting == "lifecycle" {
		k.takeLockRule(was, now)
		k.takeLockRule(parts, now)
	}
	if !known || slices.Equal(was, parts) {
		return
	}
	k.add(SettingChange{Setting: setting, Since: k.Seen, Seen: now, Removed: without(was, parts), Added: without(parts, was)})
}

// without returns what of a is not in b.
func without(a, b []string) (rest []string) {
	left := slices.Clone(b)
	for _, one := range a {
		if i := slices.Index(left, one); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			rest = append(rest, one)
		}
	}
	return rest
}

// settings adds the changes of settings to the marks of a history. They do not end the
// good time: the objects in the bucket are judged on their own.
func (h *timeline) settings(known *KnownSettings, reviewed time.Time) {
	r := h.res
	for _, c := range known.Changes {
		s := Suspicion{Time: c.Seen, Reason: c.String(), Setting: c.Setting}
		if s.Time.After(reviewed) {
			r.Suspicions = append(r.Suspicions, s)
			r.Total++
		} else {
			s.Standing = Reviewed
			r.Notes = append(r.Notes, s)
			r.TotalNotes++
		}
	}
	for _, list := range []*[]Suspicion{&r.Suspicions, &r.Notes} {
		slices.SortStableFunc(*list, func(a, b Suspicion) int { return a.Time.Compare(b.Time) })
	}
}
