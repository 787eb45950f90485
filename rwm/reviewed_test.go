package rwm

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3state"
)

// reviewer is a manager as of a process of its own.
func reviewer(t *testing.T, file string) *Manager {
	t.Helper()
	m, err := New(&Config{S3EndpointURL: "http://localhost:1", S3AccessKey: "a", S3SecretKey: "s"}, WithReviews(file))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Processes that note reviews at once all find theirs afterwards.
func TestReviewsOfManyAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rwm", "reviews.json")
	const writers, each = 8, 10
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	bucket := func(i, j int) string { return fmt.Sprintf("bucket-%d-%d", i, j) }
	var group sync.WaitGroup
	for i := range writers {
		m := reviewer(t, file)
		group.Go(func() {
			for j := range each {
				if err := m.SetReviewed(bucket(i, j), until); err != nil {
					t.Error(err)
				}
				m.noteProved("common", until.Add(time.Duration(i)))
			}
		})
	}
	group.Wait()
	m := reviewer(t, file)
	for i := range writers {
		for j := range each {
			if r, err := m.Reviewed(bucket(i, j)); err != nil || !r.Until.Equal(until) {
				t.Errorf("%s: %+v, %v", bucket(i, j), r, err)
			}
		}
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 2 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// A history takes minutes. What another process notes of the settings meanwhile is not
// replaced by what was known when the history began.
func TestSettingsNotedDuringAHistory(t *testing.T) {
	const bucket, setting = "bucket", "policy"
	file := filepath.Join(t.TempDir(), "reviews.json")
	m, other := reviewer(t, file), reviewer(t, file)
	m.settingMade(bucket, "", nil, nil)
	m.settingMade(bucket, setting, nil, []string{"open"})
	look := func(during func()) []string {
		review, err := m.Reviewed(bucket)
		if err != nil {
			t.Fatal(err)
		}
		var opts s3state.HistoryOptions
		keep := m.watchSettings(bucket, review, &opts)
		opts.Settings.Look(map[string][]string{setting: {"open"}, "acl": {"owner"}}, m.now().UTC())
		during()
		keep()
		if review, err = m.Reviewed(bucket); err != nil {
			t.Fatal(err)
		}
		return append(review.Settings.Settings[setting], review.Settings.Settings["acl"]...)
	}
	if got := fmt.Sprint(look(func() { other.settingMade(bucket, setting, []string{"open"}, []string{"sealed"}) })); got != "[sealed]" {
		t.Errorf("sealed during a history: %s", got)
	}
	m.settingMade(bucket, setting, []string{"sealed"}, []string{"open"})
	if got := fmt.Sprint(look(func() { other.noteProved(bucket, m.now()) })); got != "[open owner]" {
		text, _ := os.ReadFile(file)
		t.Errorf("proved during a history: %s\n%s", got, text)
	}
}

// What was reviewed while this machine's clock was a year ahead covers nothing that
// happens once it is right again.
func TestReviewedByAWrongClock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reviews.json")
	m := reviewer(t, file)
	now := time.Now()
	m.now = func() time.Time { return now.Add(365 * 24 * time.Hour) }
	if err := m.SetReviewed("bucket", now.Add(364*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r, err := m.Reviewed("bucket"); err != nil || r.Until.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
	m.now = func() time.Time { return now }
	if r, err := m.Reviewed("bucket"); err != nil || !r.Until.IsZero() || !r.SettingsUntil.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
}

// A file of reviews that holds nothing is as good as none.
func TestReviewsOfNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reviews.json")
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, text := range []string{"null", "{}", `{"http://localhost:1/bucket": null}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := reviewer(t, file)
		if err := m.SetReviewed("bucket", until); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if r, err := m.Reviewed("bucket"); err != nil || !r.Until.Equal(until) {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
}
