package s3state

import (
	"time"
)

// vitals tracks the config and the keys, without which no repository opens.
type vitals struct {
	config    string // version ID of its delete marker, if it was deleted
	key       Version
	keys, had int
	oldest    time.Time // of the keys that exist
	first     time.Time // of those that do not
}

func (t *vitals) note(v *Version) {
	switch TypeOf(v.Key) {
	case TypeConfig:
		if v.IsLatest && v.DeleteMarker {
			t.config = v.VersionID
		}
	case TypeKey:
		t.had++
		at := &t.first
		if v.IsLatest && !v.DeleteMarker {
			t.keys++
			at = &t.oldest
		} else {
			t.key = *v
		}
		if at.IsZero() || v.LastModified.Before(*at) {
			*at = v.LastModified
		}
	}
}

func (t *vitals) judge(c *StorageCheck) {
	if t.config != "" {
		c.problem("config", t.config, "the repository's config was deleted")
	}
	if t.had > 0 && t.keys == 0 {
		c.problem(t.key.Key, t.key.VersionID, "the repository's last key was deleted")
	}
	c.keysGone = !t.first.IsZero() && t.first.Before(t.oldest)
}
