package s3state

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// forge saves a changed copy of a state, as an attacker with the host's
// credentials can.
func (w *world) forge(st *SavedState, change func(map[string]any)) *SavedState {
	w.t.Helper()
	z, err := gzip.NewReader(strings.NewReader(w.read(st)))
	if err != nil {
		w.t.Fatal(err)
	}
	var m map[string]any
	if err := json.NewDecoder(z).Decode(&m); err != nil {
		w.t.Fatal(err)
	}
	change(m)
	text, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	forged := *st
	forged.Key = strings.Replace(st.Key, "state_20", "state_19", 1)
	forged.VersionID = w.put(forged.Key, zipped(string(text)))
	return &forged
}

func (w *world) read(st *SavedState) string {
	w.t.Helper()
	o, err := w.admin.client.GetObject(w.ctx, w.bucket, st.Key, minio.GetObjectOptions{VersionID: st.VersionID})
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, o); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

func (w *world) restore(st *SavedState, change func(*RestoreOptions)) (*RestoreResult, string, error) {
	w.t.Helper()
	o := RestoreOptions{Source: w.bucket, Target: w.srv.Bucket(w.t), Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}}
	if change != nil {
		change(&o)
	}
	res, err := w.admin.Restore(w.ctx, o)
	return res, o.Target, err
}

func (w *world) nothingMade(target string) {
	w.t.Helper()
	if found, err := w.admin.exists(w.ctx, target); err != nil || found {
		w.t.Errorf("target %s was made (%v)", target, err)
	}
}

func versionsOf(m map[string]any) []any { return m["versions"].([]any) }

func entryOf(m map[string]any, key string) map[string]any {
	for _, e := range versionsOf(m) {
		if e := e.(map[string]any); e["Key"] == key && e["IsLatest"] == true {
			return e
		}
	}
	return nil
}

// Entries made up by the thousand do not stretch the time a capture may have
// taken, within which an object may have come too late for it.
func TestPaddedState(t *testing.T) {
	w := newWorld(t)
	w.srv.SetClock(t, time.Now().Add(-48*time.Hour))
	w.put("config", "c")
	w.srv.AdvanceClock(t, time.Hour)
	w.put("index/1", "x")
	w.srv.AdvanceClock(t, 20*time.Minute)
	forged := w.forge(w.save(), func(m map[string]any) {
		markers := m["delete_markers"].([]any)
		for range 100_000 {
			markers = append(markers, map[string]any{"Key": "z", "VersionId": "v", "IsLatest": false, "LastModified": "2026-01-01T00:00:00Z"})
		}
		m["delete_markers"] = markers
		m["time_start"], m["time_end"] = "2020-01-01T00:00:00+00:00", "2020-01-01T00:26:00+00:00"
		var kept []any
		for _, e := range versionsOf(m) {
			if e.(map[string]any)["Key"] != "index/1" {
				kept = append(kept, e)
			}
		}
		m["versions"] = kept
	})
	v, err := w.admin.VerifyState(w.ctx, w.bucket, forged.Key, forged.VersionID)
	if err != nil || v.Status != Differs || v.Total != 1 {
		t.Errorf("%v %+v", err, v)
	}
}

// A forged state is not restored like a real one.
func TestForgedStates(t *testing.T) {
	w := newWorld(t)
	start := time.Now().Add(-48 * time.Hour)
	w.srv.SetClock(t, start)
	w.put("config", "c")
	old := w.put("data/00/00aa", "old")
	w.put("data/00/00bb", "b")
	deleted := w.put("snapshots/s", "s")
	w.srv.AdvanceClock(t, time.Hour)
	w.put("data/00/00aa", "new")
	w.del("snapshots/s")
	w.srv.AdvanceClock(t, time.Hour)
	st := w.save()
	w.srv.AdvanceClock(t, time.Hour)
	w.put("data/00/00cc", "later")

	if v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); err != nil || v.Status != Verified {
		t.Errorf("the real state: %v %+v", err, v)
	}
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		want   error
	}{
		{"an old version in place of the new", func(m map[string]any) {
			e := entryOf(m, "data/00/00aa")
			e["VersionId"], e["ETag"] = old, "" // the right size, by chance
		}, ErrStateDiffers},
		{"a deleted object brought back", func(m map[string]any) {
			for _, e := range versionsOf(m) {
				if e := e.(map[string]any); e["VersionId"] == deleted {
					e["IsLatest"] = true
				}
			}
		}, ErrStateDiffers},
		{"an object left out", func(m map[string]any) {
			entryOf(m, "data/00/00bb")["IsLatest"] = false
		}, ErrStateDiffers},
		{"no objects at all", func(m map[string]any) { m["versions"] = []any{} }, ErrStateDiffers},
		{"a capture that took weeks", func(m map[string]any) {
			m["time_start"] = "2020-01-01T00:00:00+00:00"
			m["versions"] = []any{}
		}, ErrStateDiffers},
		{"a version that is not there", func(m map[string]any) { entryOf(m, "config")["VersionId"] = "nonsense" }, ErrMissing},
		{"a key that is not there", func(m map[string]any) { entryOf(m, "config")["Key"] = "konfig" }, ErrMissing},
		{"another size", func(m map[string]any) { entryOf(m, "config")["Size"] = 99 }, ErrMissing},
		{"another ETag", func(m map[string]any) { entryOf(m, "config")["ETag"] = strings.Repeat("0", 32) }, ErrMissing},
		{"two latest versions", func(m map[string]any) { m["versions"] = append(versionsOf(m), entryOf(m, "config")) }, ErrBadState},
		{"another user", func(m map[string]any) {
			text, _ := json.Marshal(m["bucket_policy"])
			var p any
			_ = json.Unmarshal([]byte(strings.ReplaceAll(string(text), "user/host", "user/host2")), &p)
			m["bucket_policy"] = p
		}, ErrBadState},
		{"another bucket's name", func(m map[string]any) { m["bucket_name"] = "other" }, ErrBadState},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, target, err := w.restore(w.forge(st, c.change), nil)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, not %v", err, c.want)
			}
			w.nothingMade(target)
		})
	}

	info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{VerifyStates: 1000})
	if err != nil {
		t.Fatal(err)
	}
	count := map[VerifyStatus]int{}
	for _, st := range info.States {
		if st.Unreadable != nil {
			count["unreadable"]++
		} else {
			count[st.Verification.Status]++
		}
	}
	if count[Verified] != 2 || count[Differs] != 8 || count[Unverifiable] != 1 || count["unreadable"] != 2 {
		t.Errorf("info: %v", count)
	}

	// Who knows what he does can still have it, but not what is missing.
	forged := w.forge(st, func(m map[string]any) { entryOf(m, "data/00/00bb")["IsLatest"] = false })
	res, target, err := w.restore(forged, func(o *RestoreOptions) { o.AllowUnverified = true })
	if err != nil || res.Verification.Status != Differs {
		t.Errorf("told otherwise: %v %+v", err, res)
	}
	if got := contents(t, w.admin, target); got["data/00/00aa"] != "new" || got["data/00/00bb"] != "" {
		t.Errorf("restored %q", got)
	}

	// A policy that gives more is not taken over.
	forged = w.forge(st, func(m map[string]any) {
		p := m["bucket_policy"].(map[string]any)
		for _, s := range p["Statement"].([]any) {
			s := s.(map[string]any)
			s["Action"] = append(s["Action"].([]any), "s3:DeleteObjectVersion", "s3:PutBucketPolicy")
		}
	})
	if res, _, err = w.restore(forged, nil); err != nil || !res.Check.OK {
		t.Errorf("a state with a wide policy: %v %+v", err, res.Check)
	}
}

// What is missing is listed before anything is made.
func TestMissingVersionsAreListed(t *testing.T) {
	w := newWorld(t)
	gone := map[string]string{}
	for _, k := range []string{"a", "b", "c", "d"} {
		v := w.put(k, k)
		if k > "b" {
			gone[k] = v
		}
	}
	st := w.save()
	for k, v := range gone {
		w.del(k)
		if err := w.admin.client.RemoveObject(w.ctx, w.bucket, k, minio.RemoveObjectOptions{VersionID: v}); err != nil {
			t.Fatal(err)
		}
	}
	_, target, err := w.restore(st, nil)
	var missing *MissingVersionsError
	if !errors.As(err, &missing) || missing.Total != 2 || len(missing.Missing) != 2 || missing.OfVersions != 4 {
		t.Fatalf("%v", err)
	}
	for _, m := range missing.Missing {
		if gone[m.Key] != m.VersionID {
			t.Errorf("%+v is not missing", m)
		}
	}
	w.nothingMade(target)
	if v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); err != nil || v.Status != Unverifiable {
		t.Errorf("%v %+v", err, v)
	}
}

// A target with a restore of something else, or with a host's own object that
// claims to be a marker, is not gone on with.
func TestRestoreGoesOnOnlyWithItsOwnTarget(t *testing.T) {
	w := newWorld(t)
	w.put("a", "1")
	st1 := w.save()
	w.put("a", "2")
	st2 := w.save()
	target := w.srv.Bucket(t)
	into := func(st *SavedState) error {
		_, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}})
		return err
	}
	if err := w.admin.client.MakeBucket(w.ctx, target, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := into(st1); !errors.Is(err, ErrTargetExists) {
		t.Errorf("an empty foreign bucket: %v", err)
	}
	origin := RestoreOrigin{w.bucket, st1.Key, st1.VersionID}
	if err := w.admin.client.SetBucketPolicy(w.ctx, target, unfinishedPolicy(target, roles{admin: w.srv.Admin.ARN(), all: w.all}, origin, "")); err != nil {
		t.Fatal(err)
	}
	if err := into(st2); !errors.Is(err, ErrTargetExists) || !strings.Contains(err.Error(), st1.Key) {
		t.Errorf("another state's restore: %v", err)
	}
	check, err := w.admin.CheckPolicy(w.ctx, target)
	if err != nil || check.OK || check.UnfinishedRestore == nil || *check.UnfinishedRestore != origin {
		t.Errorf("%v %+v", err, check)
	}
	if err := into(st1); err != nil {
		t.Errorf("its own: %v", err)
	}
	if got := contents(t, w.admin, target); got["a"] != "1" {
		t.Errorf("%q", got)
	}
	if check, err = w.admin.CheckPolicy(w.ctx, target); err != nil || !check.OK {
		t.Errorf("%v %+v", err, check)
	}
}
