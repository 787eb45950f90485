package s3state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"
)

// pythonState is a state as RWM 1.x wrote it.
const pythonState = `{"bucket_name": "b", "bucket_acl": {"owner": {"DisplayName": "Admin", "ID": "t$admin"}, "grants": [{"Grantee": ` +
	`{"DisplayName": "Admin", "ID": "t$admin", "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]}, "bucket_policy": {"Version": ` +
	`"2012-10-17", "Statement": []}, "time_start": "2024-05-01T10:00:00.123456", "time_end": "2024-05-01T10:00:01+02:00", "versions": [` +
	`{"ETag": "\"0cc175b9c0f1b6a831c399e269772661\"", "Size": 1, "StorageClass": "STANDARD", "Key": "data/a+\u00fc", "VersionId": "v1", ` +
	`"IsLatest": true, "LastModified": "2024-05-01T09:59:00.5+00:00", "Owner": {"DisplayName": "Host", "ID": "t$host"}, "ChecksumAlgorithm": ["CRC32"]}], ` +
	`"delete_markers": [{"Owner": {"DisplayName": "Host", "ID": "t$host"}, "Key": "k", "VersionId": "v2", "IsLatest": true, "LastModified": "2024-05-01 09:59:00+00:00"}]}`

func readAll(sr *StateReader) ([]Version, error) {
	var got []Version
	for {
		v, err := sr.Next()
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, v)
	}
}

func TestReadPythonState(t *testing.T) {
	sr := ReadState(strings.NewReader(pythonState))
	got, err := readAll(sr)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %+v", err, got)
	}
	v := got[0]
	if v.Key != "data/a+ü" || v.VersionID != "v1" || v.Size != 1 || !v.IsLatest || v.DeleteMarker || bareETag(v.ETag) != "0cc175b9c0f1b6a831c399e269772661" ||
		v.Owner.ID != "t$host" || !v.LastModified.Equal(time.Date(2024, 5, 1, 9, 59, 0, 5e8, time.UTC)) {
		t.Errorf("%+v", v)
	}
	if m := got[1]; !m.DeleteMarker || m.Key != "k" || !m.IsLatest {
		t.Errorf("%+v", m)
	}
	h := sr.Header()
	if h.BucketName != "b" || h.ACL.Owner.ID != "t$admin" || len(h.ACL.Grants) != 1 || h.TimeStart.IsZero() || h.TimeEnd.Hour() != 10 || h.Policy == nil {
		t.Errorf("%+v", h)
	}
	// In any order of fields, with unknown ones among them.
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(pythonState), &m); err != nil {
		t.Fatal(err)
	}
	for range 20 { // Go's maps iterate in random order
		var b strings.Builder
		b.WriteString(`{"later": {"a": [1, {"versions": [null]}]}`)
		for k, val := range m {
			fmt.Fprintf(&b, ", %q: %s", k, val)
		}
		b.WriteString(`, "more": null}`)
		if got, err := readAll(ReadState(strings.NewReader(b.String()))); err != nil || len(got) != 2 {
			t.Errorf("%v %d: %s", err, len(got), b.String())
		}
	}
}

func TestBadStates(t *testing.T) {
	entry := `{"Key": "k", "VersionId": "v", "IsLatest": true, "Size": 1, "LastModified": "2024-05-01T09:59:00+00:00"}`
	with := func(versions string) string {
		return `{"bucket_name": "b", "delete_markers": [], "versions": [` + versions + `]}`
	}
	if _, err := readAll(ReadState(strings.NewReader(with(entry)))); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", " ", "null", "[]", `"x"`, "{}", "{", `{"bucket_name"`, `{"bucket_name": "b"}`, `{"versions": [], "delete_markers": []}`,
		with(`1`), with(`null`), with(`[]`), with(`{}`), with(`{"Key": 1}`), with(entry + " " + entry),
		with(strings.Replace(entry, `"k"`, `""`, 1)),
		with(strings.Replace(entry, `"k"`, `"`+strings.Repeat("k", 1025)+`"`, 1)),
		with(strings.Replace(entry, `"v"`, `""`, 1)),
		with(strings.Replace(entry, `"Size": 1, `, ``, 1)),
		with(strings.Replace(entry, `"Size": 1`, `"Size": -1`, 1)),
		with(strings.Replace(entry, `"Size": 1`, `"Size": 1e99`, 1)),
		with(strings.Replace(entry, `"IsLatest": true`, `"IsLatest": "true"`, 1)),
		with(strings.Replace(entry, `"IsLatest": true, `, ``, 1)),
		with(strings.Replace(entry, `2024`, `x`, 1)),
		with(entry) + "x", with(entry) + with(entry), with(entry)[:60],
		`{"bucket_name": "b", "delete_markers": [], "versions": {}}`,
		`{"bucket_name": "b", "delete_markers": [], "versions": [], "versions": []}`,
		`{"bucket_name": "b", "delete_markers": [], "versions": [], "time_end": "never"}`,
		`{"bucket_name": "b", "delete_markers": [], "versions": [], "x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		`{"bucket_name": "` + strings.Repeat("b", 3*maxField) + `", "delete_markers": [], "versions": []}`,
	} {
		if _, err := readAll(ReadState(strings.NewReader(text))); !errors.Is(err, ErrBadState) {
			t.Errorf("%s: %v", clip(text), err)
		}
		if _, err := readAll(must(ReadPackedState(strings.NewReader(zipped(text))))); !errors.Is(err, ErrBadState) {
			t.Errorf("packed %s: %v", clip(text), err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// endless gives the same text over and over.
type endless struct {
	text string
	n    int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], e.text[int(e.n)%len(e.text):])
		n += c
		e.n += int64(c)
	}
	return n, nil
}

// No field, however large, is read into memory.
func TestOversizedFields(t *testing.T) {
	for _, start := range []string{
		`{"bucket_name": "`, `{"x": "`, `{"x": `, `{"versions": [`, `{"versions": [{"Key": "`, `{"versions": [{"x": [`, `{"bucket_policy": {"x": [`, `{"x": [`,
		`{"delete_markers": [{"Owner": {`,
	} {
		for _, filler := range []string{"a", " ", "[", "{\"a\":", "1", "1,"} {
			if start == `{"x": [` && filler == "1," {
				continue // a list of small values may be as long as it likes
			}
			src := &endless{text: filler}
			_, err := readAll(ReadState(io.MultiReader(strings.NewReader(start), src)))
			if !errors.Is(err, ErrBadState) {
				t.Errorf("%s%s…: %v", start, filler, err)
			}
			if src.n > 8*maxField {
				t.Errorf("%s%s…: %d bytes were read", start, filler, src.n)
			}
		}
	}
}

func TestDecompressionBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, `{"x": [`)
	_, _ = io.CopyN(z, &endless{text: "1,"}, 256<<20)
	_ = z.Close()
	sr, err := ReadPackedState(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = readAll(sr); !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), "expands") {
		t.Errorf("%v", err)
	}
	// A real state never looks like one.
	b.Reset()
	z = gzip.NewWriter(&b)
	sw := newStateWriter(z)
	defer sw.close()
	if err := sw.begin("b", &facts{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := fakeVersion(fmt.Sprintf("data/%016x", rnd.Uint64()), 0)
		if err := sw.add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := sw.end(time.Now()); err != nil {
		t.Fatal(err)
	}
	_ = z.Close()
	if got, err := readAll(must(ReadPackedState(&b))); err != nil || len(got) != 100_000 {
		t.Errorf("%v %d", err, len(got))
	}
}

// What is written is read back, whatever the keys, with the markers apart.
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
		if err := sw.begin("b", &facts{policy: []byte(`{"a": "<&>"}`)}, time.Now()); err != nil {
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
	_ = sw.begin("b", &facts{}, time.Now())
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
	p, err := readPlan(ReadState(strings.NewReader(text)))
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
	if _, err := readPlan(ReadState(strings.NewReader(twice))); !errors.Is(err, ErrBadState) {
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
