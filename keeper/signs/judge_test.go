package signs_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper/signs"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// usual is a past of n days in which little changes.
func usual(n int) (past []signs.Observation) {
	for d := range n {
		past = append(past, signs.Observation{
			Snapshot: fmt.Sprint(d), Time: start.AddDate(0, 0, d), Files: 1000, Bytes: 1e9, Seconds: 600,
			DataAdded: 1e7, DataPacked: 4e6, Changes: &signs.Changes{Before: 1000, After: 1000, Changed: 10 + d%3, New: 2, Read: 10, Candidates: 10},
		})
	}
	return past
}

func next(past []signs.Observation, change func(o *signs.Observation)) signs.Observation {
	last := past[len(past)-1]
	o := last
	o.Snapshot, o.Time = "now", last.Time.AddDate(0, 0, 1)
	c := *last.Changes
	o.Changes = &c
	change(&o)
	return o
}

func kinds(alarms []signs.Alarm) (list []signs.Kind) {
	for _, a := range alarms {
		list = append(list, a.Kind)
	}
	return list
}

func TestJudge(t *testing.T) {
	t.Parallel()
	past := usual(20)
	for name, c := range map[string]struct {
		change func(o *signs.Observation)
		want   []signs.Kind
	}{
		"usual":             {func(*signs.Observation) {}, nil},
		"all changed, text": {func(o *signs.Observation) { o.Changes.Changed = 900; o.DataAdded, o.DataPacked = 9e8, 3e8 }, nil},
		"all changed, packed": {func(o *signs.Observation) { o.Changes.Changed = 900; o.DataAdded, o.DataPacked = 9e8, 9e8 },
			[]signs.Kind{signs.KindChanged}},
		"import of photos": {func(o *signs.Observation) { o.Changes.New = 900; o.DataAdded, o.DataPacked = 9e8, 9e8 }, nil},
		"a third changed, packed, types as they were": {func(o *signs.Observation) { o.Changes.Changed = 330; o.DataAdded, o.DataPacked = 9e8, 9e8 }, nil},
		"a third changed, packed, not read": {func(o *signs.Observation) {
			o.Changes.Changed, o.Changes.Read = 330, 0
			o.DataAdded, o.DataPacked = 9e8, 9e8
		}, []signs.Kind{signs.KindChanged}},
		"turned":     {func(o *signs.Observation) { o.Changes.Turned = 9 }, []signs.Kind{signs.KindTurned}},
		"two turned": {func(o *signs.Observation) { o.Changes.Turned = 2 }, nil},
		"renamed": {func(o *signs.Observation) {
			o.Changes.Renamed, o.Changes.WithExtension, o.Changes.Extension = 12, 12, ".x"
		}, []signs.Kind{signs.KindRenamed}},
		"renamed to various": {func(o *signs.Observation) {
			o.Changes.Renamed, o.Changes.WithExtension, o.Changes.Extension = 90, 12, ".x"
		}, nil},
		"one note":                  {func(o *signs.Observation) { o.Changes.Notes = 1 }, nil},
		"one note, turned":          {func(o *signs.Observation) { o.Changes.Notes, o.Changes.Turned = 1, 1 }, []signs.Kind{signs.KindNote}},
		"notes":                     {func(o *signs.Observation) { o.Changes.Notes = 5 }, []signs.Kind{signs.KindNote}},
		"fewer files":               {func(o *signs.Observation) { o.Files = 300 }, []signs.Kind{signs.KindSmaller}},
		"fewer bytes":               {func(o *signs.Observation) { o.Bytes = 3e8 }, []signs.Kind{signs.KindSmaller}},
		"somewhat fewer":            {func(o *signs.Observation) { o.Files, o.Bytes = 700, 7e8 }, nil},
		"most deleted, others came": {func(o *signs.Observation) { o.Changes.Deleted, o.Changes.New = 700, 700 }, []signs.Kind{signs.KindSmaller}},
		"slower":                    {func(o *signs.Observation) { o.Seconds = 5 * 3600 }, []signs.Kind{signs.KindSlower}},
		"slower, much to do":        {func(o *signs.Observation) { o.Seconds, o.DataAdded, o.DataPacked = 5*3600, 1e12, 4e11 }, nil},
		"no changes known":          {func(o *signs.Observation) { o.Changes = nil }, nil},
	} {
		if got := kinds(signs.Judge(past, next(past, c.change), signs.Normal)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := signs.Judge(past, next(past, c.change), signs.Off); len(got) != 0 {
			t.Errorf("%s: alarms though off: %v", name, kinds(got))
		}
	}
	if got := signs.Judge(nil, next(past, func(o *signs.Observation) { o.Changes = nil }), signs.Paranoid); len(got) != 0 {
		t.Errorf("a first snapshot: %v", kinds(got))
	}
}

// What a more sensitive word lets pass, no less sensitive one alarms for.
func TestSensitivityIsOrdered(t *testing.T) {
	t.Parallel()
	past := usual(20)
	words := []signs.Sensitivity{signs.Off, signs.Low, signs.Normal, signs.High, signs.Paranoid}
	for turned := range 30 {
		before := 0
		for _, word := range words {
			n := len(signs.Judge(past, next(past, func(o *signs.Observation) {
				o.Changes.Turned, o.Changes.Read, o.Changes.Candidates = turned, 40, 40
				o.Files = 1000 - 20*turned
			}), word))
			if n < before {
				t.Errorf("%d turned: %s has %d alarms, a less sensitive word %d", turned, word, n, before)
			}
			before = n
		}
	}
	if _, err := signs.ParseSensitivity("some"); err == nil {
		t.Error("no error")
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	var daily, workdays []time.Time
	for d := range 28 {
		at := start.AddDate(0, 0, d)
		daily = append(daily, at)
		if w := at.Weekday(); w != time.Saturday && w != time.Sunday {
			workdays = append(workdays, at)
		}
	}
	for _, c := range []struct {
		times []time.Time
		after time.Duration
		want  bool
	}{
		{daily, 30 * time.Hour, false}, {daily, 3 * 24 * time.Hour, true}, {workdays, 3 * 24 * time.Hour, false},
		{workdays, 6 * 24 * time.Hour, true}, {daily[:3], 90 * 24 * time.Hour, false}, {nil, time.Hour, false},
	} {
		last := start
		if n := len(c.times); n > 0 {
			last = c.times[n-1]
		}
		if got := signs.Missing(c.times, last.Add(c.after), signs.Normal); (got != nil) != c.want {
			t.Errorf("%d times, %s later: %v", len(c.times), c.after, got)
		}
	}
}

func TestForgotten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		known, gone int
		past        []int
		want        bool
	}{
		{30, 1, []int{1, 1}, false}, {30, 30, nil, true}, {1, 1, nil, true}, {30, 29, []int{1, 1}, true}, {30, 10, []int{1}, false},
		{40, 23, []int{22, 23}, false}, {0, 0, nil, false},
	} {
		if got := signs.Forgotten(c.known, c.gone, c.past, signs.Normal); (got != nil) != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
