package rwm_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// evidenced is an admin that remembers in a file what it has read, and counts the
// objects that are read.
func (w *world) evidenced(file string) (*rwm.Manager, *atomic.Int64) {
	w.t.Helper()
	config := *w.config
	config.S3AccessKey, config.S3SecretKey = w.Admin.AccessKey, w.Admin.SecretKey
	reads := &atomic.Int64{}
	m, err := rwm.New(&config, rwm.WithEvidence(file), rwm.WithTransport(countReads{reads}),
		rwm.WithSessionOptions(restic.WithCacheDir(file+".cache")))
	if err != nil {
		w.t.Fatal(err)
	}
	return m, reads
}

type countReads struct{ n *atomic.Int64 }

func (c countReads) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Count(r.URL.Path, "/") > 1 && len(r.URL.Path) > len("/bucket/") && r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/") {
		c.n.Add(1)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// judged is what a history says, without what it cost to find out.
func judged(t *testing.T, h *s3state.History) string {
	t.Helper()
	one := *h
	one.Proof.Tried, one.Proof.Requests, one.Proof.Bytes = 0, 0, 0
	text, err := json.MarshalIndent(one, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sameIncremental compares the history by what is new with the whole one.
func (w *world) sameIncremental(file string) {
	w.t.Helper()
	m, _ := w.evidenced(file)
	got, want := judged(w.t, w.history(m)), judged(w.t, w.history(w.admin()))
	if got != want {
		w.t.Errorf("by what is new, not as a whole:\n%s\nas a whole, not by what is new:\n%s", linesOnlyIn(got, want), linesOnlyIn(want, got))
	}
}

func TestHistoryReadsOnlyWhatIsNew(t *testing.T) {
	w := newWorld(t).policed()
	file := filepath.Join(t.TempDir(), "evidence", "one.json")
	look := func(want string) int64 {
		t.Helper()
		m, reads := w.evidenced(file)
		if got := judged(t, w.history(m)); want != "" && got != want {
			t.Errorf("it was\n%s\nand is\n%s", want, got)
		}
		return reads.Load()
	}
	for range 3 {
		w.write("files/a.txt", strings.Join(noise(2000), " "))
		w.run()
		w.pass()
	}
	first := look("")
	whole := judged(t, w.history(w.admin()))
	again := look(whole)
	// The config and a key open the repository, each time.
	if first < 3*again {
		t.Errorf("%d objects were read at first, %d again", first, again)
	}
	w.write("files/b.txt", strings.Join(noise(2000), " "))
	w.run()
	w.pass()
	if n := look(judged(t, w.history(w.admin()))); n <= again || n >= first {
		t.Errorf("%d objects were read after one more backup", n)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), w.config.ResticPassword) || strings.Contains(string(text), w.config.S3SecretKey) {
		t.Error("a secret was kept")
	}
	for name, spoiled := range map[string]string{
		"cut": string(text[:len(text)/2]), "empty": "", "of another bucket": strings.Replace(string(text), w.config.ResticBucket, "other", 1),
		"of another version": strings.Replace(string(text), `"version":1`, `"version":2`, 1),
		"with a bad ledger":  strings.Replace(string(text), `"ledger":"`, `"ledger":"AAAA`, 1),
	} {
		if err := os.WriteFile(file, []byte(spoiled), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := look(judged(t, w.history(w.admin()))); n < first {
			t.Errorf("with evidence that is %s only %d objects were read", name, n)
		}
	}
	// What is known of one repository says nothing about another one.
	other := strings.NewReplacer(`"scope":"`, `"scope":"0`, `"identity":"`, `"identity":"0`).Replace(string(text))
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := look(judged(t, w.history(w.admin()))); n <= 2*again {
		t.Errorf("with the evidence of another repository only %d objects were read", n)
	}
}

// What was listed for a history gives the same history, once. Saved states that agreed
// with the history are not read again, one that does not is.
func TestHistoryOfAListing(t *testing.T) {
	w := newWorld(t).policed()
	file := filepath.Join(t.TempDir(), "one.json")
	for range 3 {
		w.run()
		w.pass()
	}
	states := w.objects("rwm/")
	w.put("rwm/state_2020-01-01T00:00:00+00:00.json.gz", w.read(states[0])) // says what was there earlier
	w.pass()
	w.write("files/late.txt", strings.Join(noise(500), " "))
	if _, err := w.manager().Backup(t.Context(), "home"); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		m, _ := w.evidenced(file)
		seen := 0
		listing, err := m.ListForHistory(t.Context(), w.config.ResticBucket, s3state.HistoryOptions{}, func(page []s3state.Version) error {
			seen += len(page)
			return nil
		})
		if err != nil || seen < 10 {
			t.Fatalf("%d versions, %v", seen, err)
		}
		w.ResetRequests(t)
		h, err := m.History(t.Context(), w.config.ResticBucket, s3state.HistoryOptions{Listing: listing})
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, r := range w.Requests(t) {
			if r.Method == http.MethodGet && strings.Contains(r.Path, "/rwm/state_") {
				read++
			}
		}
		if round == 0 && read <= len(states) || round > 0 && read != 1 {
			t.Errorf("round %d: %d of %d states were read", round, read, len(states)+1)
		}
		if got, want := judged(t, h), judged(t, w.history(w.admin())); got != want {
			t.Errorf("round %d: of a listing:\n%s\nwithout:\n%s", round, linesOnlyIn(got, want), linesOnlyIn(want, got))
		}
		for _, l := range []*s3state.Listing{listing, {}} {
			if _, err := m.History(t.Context(), w.config.ResticBucket, s3state.HistoryOptions{Listing: l}); err == nil {
				t.Error("a listing served two histories")
			}
		}
	}
}

// A single moment is proved as History proves those that it names.
func TestProveAMoment(t *testing.T) {
	w := newWorld(t).policed()
	w.write("files/a.txt", strings.Join(noise(500), " "))
	w.run()
	m, _ := w.evidenced(filepath.Join(t.TempDir(), "one.json"))
	h := w.history(m)
	if p, err := m.Prove(t.Context(), h.LastGood); err != nil || p.Verdict != s3state.Proved || !p.DataRead || p.Packs == 0 {
		t.Fatalf("%+v %v", p, err)
	}
	w.pass()
	// As long as it was, and only what was overwritten is read to tell.
	pack := w.objects("data/")[0]
	w.put(pack, []byte(strings.Repeat("x", len(w.read(pack)))))
	w.pass()
	if p, err := m.Prove(t.Context(), h.LastGood); err != nil || p.Verdict != s3state.Proved {
		t.Errorf("the moment before: %+v %v", p, err)
	}
	if p, err := m.Prove(t.Context(), h.LastGood.Add(365*24*3600e9)); err != nil || p.Verdict != s3state.Broken {
		t.Errorf("what is current: %+v %v", p, err)
	}
}

func linesOnlyIn(a, b string) string {
	other := strings.Split(b, "\n")
	only := slices.DeleteFunc(strings.Split(a, "\n"), func(line string) bool { return slices.Contains(other, line) })
	return strings.Join(only, "\n")
}
