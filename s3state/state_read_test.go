package s3state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/fixtures"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
	"github.com/klauspost/compress/gzip"
)

// pythonState is a state as RWM 1.x wrote it.
var pythonState = fixtures.State()

func readAll(sr *StateReader) ([]Version, error) {
	var got []Version
	for v, err := range sr.All() {
		if err != nil {
			return got, err
		}
		got = append(got, v)
	}
	return got, nil
}

func TestReadPythonState(t *testing.T) {
	sr := ReadState(strings.NewReader(pythonState))
	got, err := readAll(sr)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %+v", err, got)
	}
	v := got[0]
	if v.Key != "data/a+ü" || v.VersionID != "v1" || v.Size != 1 || !v.IsLatest || v.DeleteMarker || s3versions.BareETag(v.ETag) != "0cc175b9c0f1b6a831c399e269772661" ||
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

// A host chooses the names of states. None of them breaks what is made of the results.
func TestClaimedTimesSurviveJSON(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	for _, claimed := range []string{"2026-11-01T00:00:00+24:00", "2026-11-01T00:00:00+23:60", "0000-01-01T00:00:00+24:00", "9999-12-31T23:59:59.999999-23:59"} {
		w.put(statePrefix+claimed+stateSuffix, "no state")
		_, _ = w.admin.VerifyState(w.ctx, w.bucket, statePrefix+claimed+stateSuffix, "")
	}
	h, err := w.admin.History(w.ctx, w.bucket, HistoryOptions{})
	if err != nil || len(h.States) != 4 {
		t.Fatalf("%v %+v", err, h)
	}
	if _, err := json.Marshal(h); err != nil {
		t.Error(err)
	}
	for _, claimed := range []string{"2026-11-01T00:00:00+24:00", "2026-11-01T00:00:00-23:60"} {
		sr := ReadState(strings.NewReader(`{"bucket_name":"b","time_start":"` + claimed + `","versions":[],"delete_markers":[]}`))
		for _, err := range sr.All() {
			if !errors.Is(err, ErrBadState) {
				t.Errorf("%s: %v", claimed, err)
			}
		}
		if _, err := json.Marshal(sr.Header()); err != nil {
			t.Error(err)
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
			t.Errorf("%s: %v", s3err.Clip(text), err)
		}
		if _, err := readAll(must(ReadPackedState(strings.NewReader(zipped(text))))); !errors.Is(err, ErrBadState) {
			t.Errorf("packed %s: %v", s3err.Clip(text), err)
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
	packed := func(begin, filler string, size int64) []byte {
		var b bytes.Buffer
		z := must(gzip.NewWriterLevel(&b, gzip.BestCompression))
		_, _ = io.WriteString(z, begin)
		_, _ = io.CopyN(z, &endless{text: filler}, size)
		_ = z.Close()
		return b.Bytes()
	}
	var b bytes.Buffer
	if harness.All() {
		b.Write(packed(`{"x": [`, "1,", 256<<20))
	} else { // a MiB is compressed once and repeated: it counts from 32 MiB on
		b.Write(packed(`{"x": [`, " ", 1))
		b.Write(bytes.Repeat(packed("1,", strings.Repeat(" ", 8000)+"1,", 1<<20), 34))
	}
	sr, err := ReadPackedState(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = readAll(sr); !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), "expands") {
		t.Errorf("%v", err)
	}
	// A real state never looks like one.
	b.Reset()
	z := gzip.NewWriter(&b)
	sw := newStateWriter(z)
	defer sw.close()
	if err := sw.begin("b", &bucketConfig{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	entries := harness.SizeRaced(10_000, 100_000, 100_000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range entries {
		v := fakeVersion(fmt.Sprintf("data/%016x", rnd.Uint64()), 0)
		if err := sw.add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := sw.end(time.Now()); err != nil {
		t.Fatal(err)
	}
	_ = z.Close()
	if got, err := readAll(must(ReadPackedState(&b))); err != nil || len(got) != entries {
		t.Errorf("%v %d", err, len(got))
	}
}
