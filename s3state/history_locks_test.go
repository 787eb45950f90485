package s3state

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(s int) time.Time { return time.Unix(1e9+int64(s), 0) }

func lockVersion(from int) *Version {
	return &Version{Key: fmt.Sprint("lock at ", from), LastModified: at(from), Size: 150, ETag: "same"}
}

func (e *lockEvidence) held(from, to int) {
	if to == 0 {
		e.lock(lockVersion(from), nil)
		return
	}
	e.lock(lockVersion(from), &Version{LastModified: at(to), DeleteMarker: true})
}

func (e *lockEvidence) gone(t FileType, s int) {
	e.deleted(t, &Version{Key: fmt.Sprint(s), LastModified: at(s)}, &Version{})
}

func TestLockEvidence(t *testing.T) {
	explained := []int{98, 100, 395, 702, 48, 62, 10_000, 11_800}
	held := func(e *lockEvidence) {
		e.held(100, 400) // renewed
		e.held(390, 700)
		e.held(10_000, 0) // never removed
		e.held(50, 60)
		e.held(5_000, 5_600) // nothing was deleted then
	}
	e := lockEvidence{tail: -1, first: at(-5000)}
	held(&e)
	for _, s := range explained {
		e.gone(TypePack, s)
	}
	if got := e.unlocked(); len(got) != 0 {
		t.Errorf("with a lock: %+v", got)
	}
	again := lockEvidence{tail: -1, first: at(-5000), wanted: e.when()}
	held(&again)
	var names []string
	for _, l := range again.locks {
		names = append(names, l.v.Key)
	}
	if got := strings.Join(names, ", "); got != "lock at 100, lock at 390, lock at 10000, lock at 50" {
		t.Errorf("the deletions are explained by %s", got)
	}
	for i := range again.locks {
		again.locks[i].void = true
	}
	again.gone(TypePack, 150)
	again.deleted(TypeKey, &Version{Key: "key", LastModified: at(150)}, &Version{LastModified: at(120)}) // it did not work
	if got := again.unlocked(); len(got) != 1 || got[0].Key != "150" {
		t.Errorf("with locks that explain nothing: %+v", got)
	}
	if got := again.unlocked(); len(got) != 0 {
		t.Errorf("once more: %+v", got)
	}
	for _, s := range []int{0, 75, 97, 703, 9_000, 11_803} {
		alone := lockEvidence{locks: e.locks, first: at(-5000)}
		alone.gone(TypePack, s)
		if got := alone.unlocked(); len(got) != 1 || got[0].Key != fmt.Sprint(s) || !got[0].Time.Equal(at(s)) {
			t.Errorf("at %d: %+v", s, got)
		}
	}
	for i := range 3 {
		e.gone(TypePack, 20_010-i)
	}
	if got := e.unlocked(); len(got) != 1 || got[0].Key != "" || !strings.HasPrefix(got[0].Reason, "3 pack files") || !got[0].Time.Equal(at(20_008)) {
		t.Errorf("%+v", got)
	}
}

// A request that was repeated makes one lock; writing it over and over does not prolong
// it.
func TestLockWrittenTwice(t *testing.T) {
	e := lockEvidence{tail: -1, first: at(-5000)}
	e.lock(lockVersion(1500), &Version{LastModified: at(9000), DeleteMarker: true})
	e.lock(lockVersion(3), lockVersion(1500))
	e.lock(lockVersion(0), lockVersion(3))
	if len(e.locks) != 1 || e.locks[0].from != at(0).UnixMilli() || e.locks[0].to != at(1800).UnixMilli() {
		t.Errorf("%+v", e.locks)
	}
	e.again()
	e.gone(TypePack, 10)
	if got := e.unlocked(); len(got) != 1 {
		t.Errorf("a lock that was there before: %+v", got)
	}
}

// What was refused explains nothing if anything else could be read; what was too much
// to be read explains as the listing has it.
func TestLocksThatWereNotRead(t *testing.T) {
	for _, c := range []struct{ refused, could, explains bool }{
		{false, true, true}, {false, false, true}, {true, false, true}, {true, true, false},
	} {
		h := newTimeline("b")
		h.first, h.evidence.first = at(-1), at(-1)
		h.evidence.held(0, 100)
		h.evidence.locks[0].refused = c.refused
		h.evidence.gone(TypePack, 50)
		r := &reading{h: h, could: c.could}
		if err := r.judgeLocks(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if h.sum(); (h.res.Total == 0) != c.explains || h.res.Unread > 0 != c.refused {
			t.Errorf("%+v: %d unread, %+v", c, h.res.Unread, h.res.Suspicions)
		}
	}
}

// If everything else was read by an earlier History, whether the caller may read at all
// is found out by reading some of it again: else the lock that is refused would explain
// what an attacker deleted.
func TestRefusedLockBesideWhatIsKnown(t *testing.T) {
	w := newWorld(t)
	body := "a note"
	w.put("note", body)
	for key, void := range map[string]bool{"note": true, "gone": false} {
		h := newTimeline(w.bucket)
		h.evidence.held(0, 100)
		h.evidence.locks[0].refused = true
		r := &reading{s: w.admin, bucket: w.bucket, h: h, last: true, spare: &Version{Key: key, Size: int64(len(body))}}
		if err := r.judgeLocks(t.Context(), nil); err != nil || h.evidence.locks[0].void != void {
			t.Errorf("%s: void %t, %v", key, h.evidence.locks[0].void, err)
		}
	}
}

// Of a lock whose version a lifecycle rule has removed only the removal is left, and
// before the first lock that anything is known of nobody can tell. Where no rule may
// have removed one, a removal alone explains half an hour, which is noted.
func TestLocksThatLifecycleRemoved(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []lockRule
		want  []int
	}{
		{"no rule", nil, []int{200_000, 310_000}}, // but the one within half an hour
		{"a rule", []lockRule{{1, at(500_000)}}, []int{200_000}},
		{"a rule that was not due", []lockRule{{2, at(500_000)}}, []int{200_000, 310_000}},
		{"a former rule, too", []lockRule{{2, at(500_000)}, {1, at(490_000)}}, []int{200_000}},
	} {
		t.Run(c.name, func(t *testing.T) { testLocksRemoved(t, c.rules, c.want) })
	}
}

func testLocksRemoved(t *testing.T, rules []lockRule, want []int) {
	h := newTimeline("b")
	h.evidence.rules = rules
	pack := func(n, written, gone int) []Version {
		key := fmt.Sprintf("data/%02x/%02x%062x", n, n, n)
		return []Version{
			{Key: key, VersionID: "m", IsLatest: true, DeleteMarker: true, LastModified: at(gone)},
			{Key: key, VersionID: "v", Size: 100, ETag: "e", LastModified: at(written)},
		}
	}
	h.take([]Version{{Key: "config", VersionID: "1", IsLatest: true, Size: 155, ETag: "c", LastModified: at(0)}})
	h.take(pack(1, 10, 50_000))  // before anything is known
	h.take(pack(2, 10, 100_000)) // under the lock that is removed
	h.take(pack(3, 10, 200_000)) // under none
	h.take(pack(4, 10, 310_000)) // under one that a killed run left for a day
	key := fmt.Sprintf("snapshots/%064x", 5)
	h.take([]Version{ // under the lock that is removed
		{Key: key, VersionID: "m", IsLatest: true, DeleteMarker: true, LastModified: at(399_000)},
		{Key: key, VersionID: "v", Size: 200, ETag: "e", LastModified: at(10)},
		{Key: fmt.Sprintf("snapshots/%064x", 6), VersionID: "v", IsLatest: true, Size: 200, ETag: "e", LastModified: at(10)},
	})
	removed := func(n int) {
		h.take([]Version{{Key: fmt.Sprintf("locks/%064x", n), VersionID: "m", IsLatest: true, DeleteMarker: true, LastModified: at(n)}})
	}
	removed(100_100)
	h.take([]Version{
		{Key: fmt.Sprintf("locks/%064x", 300_000), VersionID: "m", IsLatest: true, DeleteMarker: true, LastModified: at(300_100)},
		{Key: fmt.Sprintf("locks/%064x", 300_000), VersionID: "v", Size: 150, ETag: "e", LastModified: at(300_000)},
	})
	removed(400_000)
	h.end(defaultGap)
	var found []int
	for _, s := range h.res.Suspicions {
		found = append(found, int(s.Time.Sub(at(0)).Seconds()))
	}
	if !slices.Equal(found, want) {
		t.Errorf("%v, want %v: %+v", found, want, h.res.Suspicions)
	}
	if noted := h.res.TotalNotes == 1 && h.res.Notes[0].Key == key; noted != (len(want) == 2) {
		t.Errorf("noted: %+v", h.res.Notes)
	}
}

// What was deleted before the first lock that anything is known of, but after a state
// was saved, had no lock, unless a rule may have removed that.
func TestDeletionsBeforeAnyLock(t *testing.T) {
	rule := []lockRule{{1, at(100_000)}}
	for _, c := range []struct {
		name         string
		since, first int
		rules        []lockRule
		deleted      int
		found        bool
	}{
		{"before the state", 1000, 5000, nil, 900, false},
		{"after the state", 1000, 5000, nil, 1100, true},
		{"after the state, no lock known", 1000, 0, nil, 1100, true},
		{"with a rule that may have run", 1000, 5000, rule, 1100, false},
		{"with a rule that was not due", 1000, 50_000, rule, 20_000, true},
		{"no state", 0, 5000, nil, 1100, false},
	} {
		e := lockEvidence{tail: -1, rules: c.rules}
		if c.since > 0 {
			e.since = at(c.since)
		}
		if c.first > 0 {
			e.first = at(c.first)
		}
		e.gone(TypeSnapshot, c.deleted)
		if got := e.unlocked(); (len(got) == 1) != c.found {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// While versioning is suspended the removal of a lock replaces it. No host can suspend
// it.
func TestLockRemovedWhileSuspended(t *testing.T) {
	e := lockEvidence{tail: -1, first: at(-5000)}
	e.unknown(&Version{VersionID: nullVersion, DeleteMarker: true, LastModified: at(100)})
	e.gone(TypeSnapshot, 50)
	e.longer()
	if got := e.unlocked(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// Rules are known as the settings have them, and for as long as they may have run.
func TestKnownLockRules(t *testing.T) {
	rule := func(inner string) []string {
		parts, err := xmlParts([]byte("<LifecycleConfiguration><Rule>" + inner + "</Rule></LifecycleConfiguration>"))
		if err != nil {
			t.Fatal(err)
		}
		return parts
	}
	const days, on = "<NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>", "<Status>Enabled</Status>"
	for inner, want := range map[string]int{
		days + on:                                             7,
		days + "<Status>Disabled</Status>":                    0,
		days + on + "<Prefix>locks/</Prefix>":                 7,
		days + on + "<Filter><Prefix>data/</Prefix></Filter>": 0,
		strings.Replace(days, "</NoncurrentDays>", "</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions>", 1) + on: 0,
		"<Expiration><Days>3</Days></Expiration>" + on: 0,
	} {
		if got := lockDays(rule(inner)); got != want {
			t.Errorf("%s: %d, want %d", inner, got, want)
		}
	}
	var k KnownSettings
	k.Look(map[string][]string{"lifecycle": {}}, at(0))
	if k.LocksKept != 0 {
		t.Errorf("%+v", k)
	}
	k.Look(map[string][]string{"lifecycle": rule(days + on)}, at(1))
	k.Look(map[string][]string{"lifecycle": {}}, at(2)) // it went between the two looks
	k.Look(map[string][]string{"lifecycle": {}}, at(3))
	if k.LocksKept != 7 || !k.LocksKeptUntil.Equal(at(2)) {
		t.Errorf("%+v", k)
	}
}

// The last snapshot went with the last deletion of that minute: until then there were
// some, and a moment before is not spoilt.
func TestWhenTheLastSnapshotWent(t *testing.T) {
	h := newTimeline("b")
	h.take([]Version{{Key: "config", VersionID: "1", IsLatest: true, Size: 155, ETag: "c", LastModified: at(0)}})
	for i, gone := range []int{20_020, 20_035, 20_005} { // in one minute
		key := fmt.Sprintf("snapshots/%064x", i)
		h.take([]Version{
			{Key: key, VersionID: "m", IsLatest: true, DeleteMarker: true, LastModified: at(gone)},
			{Key: key, VersionID: "v", Size: 200, ETag: "e", LastModified: at(10)},
		})
	}
	h.end(defaultGap)
	if len(h.res.Suspicions) != 1 || !h.res.Suspicions[0].Time.Equal(at(20_035)) {
		t.Errorf("%+v", h.res.Suspicions)
	}
}
