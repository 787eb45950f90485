package s3state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The walk pairs every entry with its key, or tells that it is absent, each once.
func TestWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`[a-c]{1,3}`)
		wanted := rapid.MapOf(key, rapid.Bool()).Draw(t, "wanted")
		listed := rapid.MapOf(key, rapid.Bool()).Draw(t, "listed")
		m := &manifest{}
		defer m.close()
		var want []string
		for _, k := range slices.Sorted(maps.Keys(wanted)) {
			if err := m.add(entry{Key: k, VersionID: "v"}); err != nil {
				t.Fatal(err)
			}
			what := "absent"
			if _, ok := listed[k]; ok {
				what = "there"
			}
			want = append(want, k+" "+what)
		}
		var got []string
		w, err := newWalk(m, func(o entry) error { got = append(got, o.Key+" absent"); return nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range slices.Sorted(maps.Keys(listed)) {
			o, err := w.to(k)
			if err != nil {
				t.Fatal(err)
			}
			if _, should := wanted[k]; (o != nil) != should {
				t.Fatalf("%s: %v", k, o)
			}
			if o != nil {
				got = append(got, o.Key+" there")
			}
		}
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q, not %q", got, want)
		}
	})
}

func TestWalkOfNothing(t *testing.T) {
	w, err := newWalk(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := w.to("a"); o != nil || err != nil {
		t.Errorf("%v, %v", o, err)
	}
	if err := w.end(); err != nil {
		t.Error(err)
	}
}

// An error of the callback ends the walk.
func TestWalkStops(t *testing.T) {
	m := &manifest{}
	defer m.close()
	for _, k := range []string{"a", "b"} {
		if err := m.add(entry{Key: k}); err != nil {
			t.Fatal(err)
		}
	}
	enough := errors.New("enough")
	for name, step := range map[string]func(*walk) error{
		"at a key":   func(w *walk) error { _, err := w.to("c"); return err },
		"at the end": (*walk).end,
	} {
		calls := 0
		w, err := newWalk(m, func(entry) error { calls++; return enough })
		if err != nil {
			t.Fatal(err)
		}
		if err := step(w); !errors.Is(err, enough) || calls != 1 {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
}
