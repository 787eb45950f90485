package s3state

import (
	"testing"
	"time"
)

// The order of the listing tells what was current at a time. Versions that may be later
// do not hide it.
func TestAsOf(t *testing.T) {
	pack := "data/aa/" + "aa" + "00000000000000000000000000000000000000000000000000000000000000"
	base := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return base.Add(time.Duration(s * float64(time.Second))) }
	object := func(id string, s float64) Version {
		return Version{VersionID: id, LastModified: at(s), ETag: `"0123456789abcdef0123456789abcdef"`}
	}
	parts := func(id string, s float64) Version {
		return Version{VersionID: id, LastModified: at(s), ETag: `"0123456789abcdef0123456789abcdef-1"`}
	}
	marker := func(s float64) Version { return Version{VersionID: "m", DeleteMarker: true, LastModified: at(s)} }
	for name, c := range map[string]struct {
		key     string
		entries []Version
		at      float64
		want    string
	}{
		"plain":                                   {pack, []Version{object("2", 5.5), object("1", 1.5)}, 5.6, "2"},
		"before the change":                       {pack, []Version{object("2", 5.5), object("1", 1.5)}, 5.4, "1"},
		"before all":                              {pack, []Version{object("2", 5.5), object("1", 1.5)}, 1.4, ""},
		"deleted":                                 {pack, []Version{marker(5.5), object("1", 1.5)}, 5.6, ""},
		"a deletion in whole seconds, before":     {pack, []Version{marker(5), object("1", 1)}, 6, ""},
		"a deletion in the same second":           {pack, []Version{marker(5), object("1", 1)}, 5.029, "1"},
		"made and deleted in that second":         {pack, []Version{marker(5), object("1", 5)}, 5.029, "1"},
		"overwritten in the same second":          {pack, []Version{object("2", 5), object("1", 1)}, 5.029, "1"},
		"overwritten and deleted in that second":  {pack, []Version{marker(5), object("2", 5), object("1", 1)}, 5.029, "1"},
		"new in the same second":                  {pack, []Version{object("1", 5)}, 5.029, "1"},
		"again in the same second":                {pack, []Version{object("2", 5), marker(3), object("1", 1)}, 5.029, "2"},
		"a marker alone":                          {pack, []Version{marker(5)}, 5.029, ""},
		"an upload in parts dated to its begin":   {pack, []Version{parts("2", 1.5), object("1", 1.2)}, 5.5, "1"},
		"begun before what it overwrote":          {pack, []Version{parts("2", 1.5), object("1", 3.5)}, 2.5, ""},
		"begun before what it overwrote, later":   {pack, []Version{parts("2", 1.5), object("1", 3.5)}, 4.5, "1"},
		"nothing but an upload in parts":          {pack, []Version{parts("1", 1.5)}, 5.5, "1"},
		"an upload in parts after a deletion":     {pack, []Version{parts("2", 3.5), marker(2.5), object("1", 1.5)}, 5.5, "2"},
		"another program's upload in parts":       {"crypt/x", []Version{parts("2", 3.5), object("1", 1.5)}, 5.5, "2"},
		"another's, begun before what it follows": {"crypt/x", []Version{parts("2", 1.5), object("1", 3.5)}, 2.5, ""},
		"the config is restic's too":              {"config", []Version{parts("2", 3.5), object("1", 1.5)}, 5.5, "1"},
	} {
		a := asOf{at: at(c.at)}
		a.begin()
		for i := range c.entries {
			c.entries[i].Key = c.key
			a.take(&c.entries[i])
		}
		got := ""
		if v := a.object(); v != nil {
			got = v.VersionID
		}
		if got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}
