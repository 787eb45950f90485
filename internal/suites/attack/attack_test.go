package attack

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

func rubbish(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// attacks are what an attacker with the host's credentials can try.
var attacks = map[string]func(w *world){
	"mass delete":          massDelete,
	"mass overwrite":       massOverwrite,
	"overwrite and delete": func(w *world) { massOverwrite(w); massDelete(w) },
	"delete marker flood":  func(w *world) { markerFlood(w); massDelete(w) },
	"poisoned index": func(w *world) {
		for _, key := range w.keys("index/") {
			w.put(key, rubbish(len(w.get(key)))) // the size stays
		}
	},
	"poisoned snapshots": func(w *world) {
		for _, key := range w.keys("snapshots/") {
			w.put(key, []byte("short"))
		}
	},
	"new poisoned objects": func(w *world) {
		for _, dir := range []string{"index/", "snapshots/", "keys/"} {
			w.put(dir+fmt.Sprintf("%x", rubbish(32)), rubbish(5))
		}
	},
	"an index that is none": func(w *world) { w.put("index/"+fmt.Sprintf("%x", rubbish(32)), rubbish(500)) },
	"an index with the right name": func(w *world) {
		body := rubbish(500)
		w.put(fmt.Sprintf("index/%x", sha256.Sum256(body)), body)
	},
	"a single snapshot deleted": func(w *world) { w.remove(w.keys("snapshots/")[0]) },
	"keys deleted": func(w *world) {
		for _, key := range w.keys("keys/") {
			w.remove(key)
		}
	},
	"packs deleted": func(w *world) {
		for _, key := range w.keys("data/") {
			w.remove(key)
		}
	},
	"states deleted and forged":    func(w *world) { forgeStates(w); massOverwrite(w) },
	"keys made to break listings":  breakListings,
	"lifecycle and policy":         func(w *world) { changeSettings(w); massDelete(w) },
	"forged snapshot time, forget": forgedTimes,
	"several at once": func(w *world) {
		forgeStates(w)
		markerFlood(w)
		changeSettings(w)
		massOverwrite(w)
		breakListings(w)
	},
	"slow, and a backup in between": func(w *world) {
		poisonOnePack(w)
		w.pass(2 * time.Hour)
		w.change(2)
		_, _ = w.client.BackupAll(w.ctx)
		massDelete(w)
	},
}

func massDelete(w *world) {
	for _, key := range w.keys("") {
		w.remove(key)
	}
}

func massOverwrite(w *world) {
	for _, key := range w.keys("") {
		w.put(key, rubbish(100))
	}
}

func poisonOnePack(w *world) {
	key := w.keys("data/")[0]
	w.put(key, rubbish(len(w.get(key))))
}

// markerFlood buries the objects below delete markers.
func markerFlood(w *world) {
	key := w.keys("snapshots/")[0]
	for range 1100 { // more than a page of a listing
		w.remove(key)
	}
	key = w.keys("index/")[0]
	for range 300 {
		w.remove(key)
	}
}

// forgeStates deletes the states and puts others there: with no objects, with
// versions of the attacker's, of another bucket, and what is no state at all.
func forgeStates(w *world) {
	last := w.states[len(w.states)-1]
	body := unpack(w, w.get(last.Key))
	evil, err := w.host.PutObject(w.ctx, w.bucket, "config", bytes.NewReader(rubbish(155)), 155, minio.PutObjectOptions{})
	must(w, err)
	forged := map[string]func(doc map[string]any){
		"empty":   func(doc map[string]any) { doc["versions"] = []any{} },
		"foreign": func(doc map[string]any) { doc["bucket_name"] = "another" },
		"evil": func(doc map[string]any) {
			for _, v := range doc["versions"].([]any) {
				if e := v.(map[string]any); e["Key"] == "config" {
					e["VersionId"], e["ETag"] = evil.VersionID, `"`+strings.Trim(evil.ETag, `"`)+`"`
				}
			}
		},
		"hidden": func(doc map[string]any) {
			for _, v := range doc["versions"].([]any) {
				if e := v.(map[string]any); strings.HasPrefix(e["Key"].(string), "snapshots/") {
					e["IsLatest"] = false
				}
			}
		},
	}
	for name, change := range forged {
		var doc map[string]any
		must(w, json.Unmarshal(body, &doc))
		change(doc)
		text, err := json.Marshal(doc)
		must(w, err)
		key := "rwm/state_2026-01-01T00:00:00.00000" + fmt.Sprint(len(name)) + "+00:00." + name + ".json.gz"
		w.put(key, pack(w, text))
		if !w.srv.Controlled() && (name == "empty" || name == "hidden") {
			continue // a state may leave out what is younger than five minutes, as all is here
		}
		if _, _, err := w.admin.OpenAsOf(w.ctx, s3state.Moment{StateKey: key}, restic.WithoutCache()); err == nil {
			w.Errorf("the forged state %q was believed", name)
		} else if !errors.Is(err, s3state.ErrStateDiffers) && !errors.Is(err, s3state.ErrBadState) && !errors.Is(err, restic.ErrDamaged) {
			// damaged: the state tells the truth about an object that the attacker made
			w.Errorf("the forged state %q: %v", name, err)
		}
	}
	w.put(last.Key, []byte("no state"))
	// the real one is found by its version
	w.whole(s3state.Moment{StateKey: last.Key, StateVersion: last.VersionID}, w.then)
	for _, st := range w.states {
		w.remove(st.Key)
	}
}

func unpack(w *world, packed []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	must(w, err)
	var out bytes.Buffer
	_, err = out.ReadFrom(r)
	must(w, err)
	return out.Bytes()
}

func pack(w *world, text []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(text)
	must(w, err)
	must(w, z.Close())
	return out.Bytes()
}

// breakListings writes keys that trip up those who list carelessly.
func breakListings(w *world) {
	for _, key := range []string{
		"data/\u0001", "data/00/+ %20&<>\"'", "data/00/" + strings.Repeat("ü", 400), "index/..%2f", "snapshots/\U0010FFFF", "~~~", "!",
		"data//", "config/", "keys/\u2028", "data/00/" + strings.Repeat("f", 64) + "/x",
	} {
		_, err := w.host.PutObject(w.ctx, w.bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{})
		if err != nil {
			w.Logf("%q: %v", key, err)
		}
	}
	massDelete(w)
}

// changeSettings tries what would destroy the versions; none of it may work.
func changeSettings(w *world) {
	expire := lifecycle.NewConfiguration()
	expire.Rules = []lifecycle.Rule{{ID: "x", Status: "Enabled", NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1}}}
	var versions []s3state.Version
	for v, err := range w.client.Storage().Versions(w.ctx, w.bucket, "config") {
		must(w, err)
		versions = append(versions, v)
	}
	for what, err := range map[string]error{
		"lifecycle":      w.host.SetBucketLifecycle(w.ctx, w.bucket, expire),
		"versioning":     w.host.SuspendVersioning(w.ctx, w.bucket),
		"policy":         w.host.SetBucketPolicy(w.ctx, w.bucket, ""),
		"version":        w.host.RemoveObject(w.ctx, w.bucket, "config", minio.RemoveObjectOptions{VersionID: versions[0].VersionID}),
		"bucket":         w.host.RemoveBucket(w.ctx, w.bucket),
		"forced, bucket": w.host.RemoveBucketWithOptions(w.ctx, w.bucket, minio.RemoveBucketOptions{ForceDelete: true}),
	} {
		if err == nil {
			w.Errorf("the host could change: %s", what)
		}
	}
}

// forgedTimes makes snapshots dated in the future, so that the retention removes
// the real ones and prune their data: all with restic's own means.
func forgedTimes(w *world) {
	s, err := w.client.OpenRepository(w.ctx, restic.WithoutCache())
	must(w, err)
	defer func() { must(w, s.Close()) }()
	junk := filepath.Join(w.TempDir(), "junk")
	must(w, os.WriteFile(junk, []byte("junk"), 0o600))
	for i := range 3 {
		_, err := s.Backup(w.ctx, restic.BackupOptions{Paths: []string{junk}, Time: time.Now().Add(time.Duration(1000*(i+1)) * time.Hour)})
		must(w, err)
	}
	_, err = s.Forget(w.ctx, restic.ForgetOptions{Policy: restic.Policy{Last: 2}, GroupBy: restic.GroupByNone, Prune: &restic.PruneOptions{}})
	must(w, err)
}

// After every attack there is a way back, and the history shows it.
func TestAttacks(t *testing.T) {
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Start(t)) // whose clock is moved
			w.change(0)
			w.backup()
			w.change(1)
			w.backup()
			w.remember()
			good := w.good
			attack(w)
			w.recovered(good)
		})
	}
}
