package restic

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// dated is a snapshot of a host with a time of its own and one of the server, in days
// from a common day.
func dated(name byte, claimed, written float64, original byte) StoredSnapshot {
	day := func(d float64) time.Time {
		return time.Date(2026, 6, 30, 2, 0, 0, 0, time.UTC).Add(time.Duration(d * 24 * float64(time.Hour)))
	}
	s := StoredSnapshot{Snapshot: Snapshot{ID: ID{name}, Time: day(claimed), Hostname: "h", Paths: []string{"/"}}, Stored: day(written)}
	if original != 0 {
		s.Snapshot.Original = ID{original}
	}
	return s
}

func TestMisdated(t *testing.T) {
	list := []StoredSnapshot{
		dated('a', 0, 0.1, 0),   // honest
		dated('b', 0, 1.5, 0),   // a backup of a day and a half
		dated('c', 0, 9, 'a'),   // tagged later
		dated('d', 0, 20, 'a'),  // and again
		dated('e', 0.5, 9, 'a'), // says so, but has another time
		dated('f', -10, 0, 0),   // dated back
		dated('g', 30, 0, 0),    // dated ahead
		dated('h', -5, 0, 'z'),  // copied from somewhere, or so it says
		dated('i', -10, 1, 'f'), // made from a misdated one
		dated('j', 30, 1, 'a'),  // dated ahead, made from an honest one
		{Snapshot: Snapshot{ID: ID{'k'}, Time: time.Unix(0, 0)}}, // the server's time is not known
	}
	got := Misdated(slices.Values(list), 0)
	var names []string
	for _, m := range got {
		names = append(names, fmt.Sprintf("%c%v", m.Snapshot.ID[0], m.Future()))
		if text := m.String(); strings.Contains(text, "made from") != !m.Snapshot.Original.IsZero() {
			t.Error(text)
		}
	}
	if s := strings.Join(names, " "); s != "efalse ffalse gtrue hfalse ifalse jtrue" {
		t.Error(s)
	}
}

// Snapshots that are dated back push genuine ones out of the days they were kept for;
// those dated ahead move the range.
func TestDisplaced(t *testing.T) {
	var all []StoredSnapshot
	for i := range byte(10) {
		all = append(all, dated('a'+i, -float64(i), -float64(i)+0.01, 0))
	}
	policy := Policy{Daily: 30}
	genuine := func() (out []Snapshot) {
		for _, s := range all {
			out = append(out, s.Snapshot)
		}
		return out
	}
	if d := Displaced(genuine(), Misdated(slices.Values(all), 0), policy, 0); len(d) > 0 {
		t.Errorf("honest: %v", d)
	}
	for i := range byte(5) { // later on the days 5 to 9
		all = append(all, dated('A'+i, -float64(5+i)+0.8, 0.2, 0))
	}
	d := Displaced(genuine(), Misdated(slices.Values(all), 0), policy, 0)
	var names []string
	for _, sn := range d {
		names = append(names, string(sn.ID[0]))
	}
	slices.Sort(names)
	// j is the oldest of all, which a policy that is not used up keeps
	if s := strings.Join(names, ""); s != "fghi" {
		t.Errorf("displaced %q", s)
	}
}
