package s3state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is written is read back with any keys, the markers apart.
func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []Version
		for _, k := range rapid.SliceOf(keyGen()).Draw(t, "keys") {
			v := fakeVersion(k, rapid.IntRange(0, 3).Draw(t, "n"))
			v.LastModified = time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC()
			if rapid.Bool().Draw(t, "marker") {
				v = Version{Key: v.Key, VersionID: v.VersionID, IsLatest: v.IsLatest, DeleteMarker: true, LastModified: v.LastModified, Owner: v.Owner}
			}
			want = append(want, v)
		}
		var b bytes.Buffer
		sw := newStateWriter(&b)
		defer sw.close()
		if err := sw.begin("b", &bucketConfig{policy: []byte(`{"a": "<&>"}`)}, time.Now()); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if err := sw.add(&want[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := sw.end(time.Now()); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(b.Bytes()) {
			t.Fatalf("not JSON: %s", b.String())
		}
		got, err := readAll(ReadState(&b))
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, marker := range []bool{false, true} {
			for _, w := range want {
				if w.DeleteMarker != marker {
					continue
				}
				g := got[i]
				i++
				if !g.LastModified.Equal(w.LastModified) {
					t.Fatalf("time %v, not %v", g.LastModified, w.LastModified)
				}
				g.LastModified = w.LastModified
				if g != w {
					t.Fatalf("read %+v, not %+v", g, w)
				}
			}
		}
		if i != len(got) {
			t.Fatalf("%d entries, not %d", len(got), i)
		}
	})
}

// Many delete markers go to a temporary file, which is gone afterwards.
func TestMarkersAreSpooled(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var b bytes.Buffer
	sw := newStateWriter(&b)
	_ = sw.begin("b", &bucketConfig{}, time.Now())
	const n = 50_000
	for i := range n {
		v := Version{Key: fmt.Sprintf("k%08d", i), VersionID: "v", DeleteMarker: true, LastModified: time.Now(), IsLatest: true}
		if err := sw.add(&v); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := os.ReadDir(dir)
	if len(files) != 1 {
		t.Errorf("%d temporary files", len(files))
	} else if fi, _ := files[0].Info(); fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
	if err := sw.end(time.Now()); err != nil {
		t.Fatal(err)
	}
	sw.close()
	if files, _ = os.ReadDir(dir); len(files) != 0 {
		t.Error("a temporary file is left")
	}
	if got, err := readAll(ReadState(&b)); err != nil || len(got) != n || got[n-1].Key != fmt.Sprintf("k%08d", n-1) {
		t.Errorf("%v %d", err, len(got))
	}
}

// A state in no order, as no listing gives it, is put in order.
func TestUnsortedState(t *testing.T) {
	var entries []string
	for _, k := range []string{"b", "c", "a"} {
		entries = append(entries, `{"Key": "`+k+`", "VersionId": "v", "IsLatest": true, "Size": 1, "LastModified": "2024-05-01T09:59:00+00:00"}`)
	}
	text := `{"bucket_name": "b", "delete_markers": [], "versions": [` + strings.Join(entries, ",") + `]}`
	p, err := readManifest(ReadState(strings.NewReader(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	r, _ := p.reader()
	keys := ""
	for {
		o, err := r.next()
		if err != nil {
			break
		}
		keys += o.Key
	}
	if keys != "abc" || p.count != 3 || p.bytes != 3 {
		t.Errorf("%q %d %d", keys, p.count, p.bytes)
	}
	twice := `{"bucket_name": "b", "delete_markers": [], "versions": [` + strings.Join(append(entries, entries[1]), ",") + `]}`
	if _, err := readManifest(ReadState(strings.NewReader(twice)), nil); !errors.Is(err, ErrBadState) {
		t.Error(err)
	}
}

func FuzzReadState(f *testing.F) {
	f.Add([]byte(pythonState), false)
	f.Add([]byte(zipped(pythonState)), true)
	f.Add([]byte(`{"versions":[{"Key":"a"}]}`), false)
	f.Add([]byte(zipped(pythonState))[:40], true)
	f.Fuzz(func(t *testing.T, data []byte, packed bool) {
		var sr *StateReader
		if packed {
			var err error
			if sr, err = ReadPackedState(bytes.NewReader(data)); err != nil {
				if !errors.Is(err, ErrBadState) {
					t.Fatalf("%v", err)
				}
				return
			}
		} else {
			sr = ReadState(bytes.NewReader(data))
		}
		got, err := readAll(sr)
		if err != nil {
			if !errors.Is(err, ErrBadState) {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, v := range got {
			if v.Key == "" || len(v.Key) > 1024 || v.VersionID == "" || v.Size < 0 {
				t.Fatalf("%+v", v)
			}
		}
		if sr.Header().BucketName == "" {
			t.Fatal("no bucket name")
		}
		if !packed {
			var ref struct {
				Versions      []json.RawMessage `json:"versions"`
				DeleteMarkers []json.RawMessage `json:"delete_markers"`
			}
			if err := json.Unmarshal(data, &ref); err != nil {
				t.Fatalf("accepted what is no JSON: %v", err)
			}
		}
	})
}

func fakeVersion(key string, n int) Version {
	return Version{
		Key: key, VersionID: fmt.Sprintf("v%d", n), IsLatest: n == 0, LastModified: time.Date(2026, 1, 1, 0, 0, 1000-n, 0, time.UTC),
		ETag: `"0123456789abcdef0123456789abcdef"`, Size: int64(n), StorageClass: "STANDARD", Owner: Owner{ID: "t$host", DisplayName: "host"},
	}
}

// keyGen makes keys in, around and far from restic's layout.
func keyGen() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			h := fmt.Sprintf("%016x", rapid.Uint64().Draw(t, "h"))
			return "data/" + h[:2] + "/" + h
		}),
		rapid.Custom(func(t *rapid.T) string {
			p := rapid.SampledFrom([]string{"", "data", "data/", "data/0", "data/9", "data/9~", "data/:", "data/f", "data/g", "data/0f",
				"data/00/00", "data/00/000", "locks", "locks.", "locks/", "snapshots", "snapshots.", "snapshots/", "rwm/state_", "~", "config"}).Draw(t, "p")
			return p + rapid.StringOfN(rapid.RuneFrom([]rune("0159:`afg~/.+% \t\n\r&<\x01\u00e9\ufffe\U0010ffff")), 0, 3, -1).Draw(t, "s")
		}),
		rapid.StringN(1, 4, 20),
	).Filter(func(s string) bool { return s != "" && !strings.Contains(s, "\x00") })
}
