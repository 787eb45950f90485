package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3state"
)

// A changed setting of the bucket is shown wherever a history is: in the text, in JSON
// and on the page. It is a mark, or a note once it was reviewed, and hides no good
// moment.
func TestHistoryShowsChangedSettings(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 2, 0, 0, 0, time.UTC) }
	changed := s3state.Suspicion{Time: day(9), Setting: "lifecycle", Reason: "the setting lifecycle was changed: \x1b[2Jnone, now <b>rule</b>"}
	for _, reviewed := range []bool{false, true} {
		h := &s3state.History{
			Bucket: "backups", LastGood: day(8), Proof: s3state.Proof{Verdict: s3state.Proved, At: day(8), Tried: 1, Packs: 3},
			Steps: []s3state.Step{{From: day(8), To: day(8), Counts: []s3state.Count{{Type: s3state.TypePack, Change: s3state.Written, N: 3}}}},
		}
		if reviewed {
			note := changed
			note.Standing = s3state.Reviewed
			h.Notes, h.TotalNotes = []s3state.Suspicion{note}, 1
		} else {
			h.Suspicions, h.Total = []s3state.Suspicion{changed}, 1
		}
		a, text, _ := testApp(true)
		a.showHistory(h)
		_, marks, _ := strings.Cut(text.String(), "Suspicious, ")
		if reviewed {
			_, marks, _ = strings.Cut(text.String(), "Marks that do not count")
		}
		if !strings.Contains(marks, "the setting lifecycle was changed") || strings.Contains(marks, "\x1b[2J") || !strings.Contains(text.String(), "Last good moment") {
			t.Errorf("reviewed %t, text: %q", reviewed, text)
		}

		out, err := json.Marshal(newJSONHistory(h, nil))
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			Suspicions, Notes []struct{ Setting, Reason, Standing string }
			LastGood          *time.Time `json:"last_good"`
		}
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		list, others := back.Suspicions, back.Notes
		if reviewed {
			list, others = others, list
		}
		if len(list) != 1 || len(others) != 0 || list[0].Setting != "lifecycle" || list[0].Reason != changed.Reason ||
			list[0].Standing == "reviewed" != reviewed || back.LastGood == nil {
			t.Errorf("reviewed %t, JSON: %s", reviewed, out)
		}

		var page bytes.Buffer
		if err := historyPage(&page, h, nil, time.UTC); err != nil {
			t.Fatal(err)
		}
		if html := page.String(); !strings.Contains(html, "the setting lifecycle was changed") || strings.Contains(html, "<b>rule") || strings.Contains(html, "\x1b") {
			t.Errorf("reviewed %t, page: %s", reviewed, html[strings.Index(html, "<body"):])
		}
	}
}
