package s3state

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A state that contradicts itself is forged, also within the time in which it may leave
// things out.
func TestContradictoryStates(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	old := w.put("data/00/00aa", "old")
	w.put("data/00/00aa", "new")
	w.put("data/00/00bb", "b")
	w.put("data/00/00cc", "c")
	w.del("data/00/00cc")
	st := w.save()
	for name, change := range map[string]func(map[string]any){
		"an old version as the latest": func(m map[string]any) {
			for _, e := range versionsOf(m) {
				if e := e.(map[string]any); e["Key"] == "data/00/00aa" {
					e["IsLatest"] = e["VersionId"] == old
				}
			}
		},
		"no latest version and no deletion": func(m map[string]any) { entryOf(m, "data/00/00bb")["IsLatest"] = false },
		"a deletion taken out":              func(m map[string]any) { m["delete_markers"] = []any{} },
		"both a version and a deletion as the latest": func(m map[string]any) {
			for _, e := range versionsOf(m) {
				if e := e.(map[string]any); e["Key"] == "data/00/00cc" {
					e["IsLatest"] = true
				}
			}
		},
	} {
		forged := w.forge(st, change)
		v, err := w.admin.VerifyState(w.ctx, w.bucket, forged.Key, forged.VersionID)
		if err != nil || v.Status != Differs || !strings.Contains(v.first(), "contradicts itself") {
			t.Errorf("%s: %v %+v", name, err, v)
		}
		if _, target, err := w.restore(forged, nil); !errors.Is(err, ErrStateDiffers) {
			t.Errorf("%s: %v", name, err)
		} else {
			w.nothingMade(target)
		}
	}
	if v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); err != nil || v.Status != Verified {
		t.Errorf("the real one: %v %+v", err, v)
	}
}

// Of a state that names more than the bucket holds little is kept.
func TestStateThatNamesTooMuch(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	var b strings.Builder
	fmt.Fprintf(&b, `{"bucket_name": %q, "bucket_policy": null, "time_start": "2026-11-27T00:00:00+00:00", "delete_markers": [], "versions": [`, w.bucket)
	const entries = 9_000 // of 967 bytes: more than freeRoom
	pad := strings.Repeat("a", 960)
	for i := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"ETag": "", "Size": 1, "Key": "%s%07d", "VersionId": "v%d", "IsLatest": true, "LastModified": "2026-11-27T00:00:00+00:00"}`, pad, i, i)
	}
	b.WriteString("]}")
	key := statePrefix + "2026-11-27T23:59:00+00:00" + stateSuffix
	version := w.put(key, zipped(b.String()))
	if _, err := w.admin.VerifyState(w.ctx, w.bucket, key, version); !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), "more objects") {
		t.Errorf("%v", err)
	}
	if _, err := w.admin.View(w.ctx, w.bucket, Moment{StateKey: key, StateVersion: version}, ViewOptions{}); !errors.Is(err, ErrBadState) {
		t.Errorf("%v", err)
	}
	// In a bucket of that size the same is read to its end.
	w.admin.listed.set(w.bucket, 1<<30)
	p, _, err := w.admin.loadManifest(w.ctx, w.bucket, key, version)
	if err != nil || p.count != entries {
		t.Fatal(err)
	}
	p.close()
}
