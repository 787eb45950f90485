package rwm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

func TestParseTime(t *testing.T) {
	prague := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 22, 15, 30, 0, 0, prague)
	for text, want := range map[string]string{ // "" is an error
		"2026-11-01T12:00:00+01:00":      "2026-11-01T11:00:00Z",
		"2026-11-01T12:00:00Z":           "2026-11-01T12:00:00Z",
		"2026-11-01T12:00:00.123456789Z": "2026-11-01T12:00:00.123456789Z",
		"2026-11-01T12:00+02:00":         "2026-11-01T10:00:00Z",
		"2026-11-01 12:00":               "2026-11-01T11:00:00Z",
		"  2026-11-01 12:00  ":           "2026-11-01T11:00:00Z",
		"2026-11-01 12:00:30":            "2026-11-01T11:00:30Z",
		"2026-11-01T12:00":               "2026-11-01T11:00:00Z",
		"2026-11-01T12:00:30":            "2026-11-01T11:00:30Z",
		"2026-11-01 12:00 +0300":         "2026-11-01T09:00:00Z",
		"2026-11-01 12:00:01 +03:00":     "2026-11-01T09:00:01Z",
		"2026-11-01 12:00+03:00":         "2026-11-01T09:00:00Z",
		"2026-11-01 12:00 UTC":           "2026-11-01T12:00:00Z",
		"2026-11-01":                     "2026-10-31T23:00:00Z",
		"2h ago":                         "2026-11-22T12:30:00Z",
		"1d12h ago":                      "2026-11-21T02:30:00Z",
		"3 days ago":                     "2026-11-19T14:30:00Z",
		"1 week 1 day ago":               "2026-11-14T14:30:00Z",
		"90min ago":                      "2026-11-22T13:00:00Z",
		"45s ago":                        "2026-11-22T14:29:15Z",
		"2026-11-22 15:30":               "2026-11-22T14:30:00Z",
		"2026-11-22 15:31":               "", // the future
		"2027-01-01":                     "",
		"2026-13-01":                     "",
		"2026-11-01 25:00":               "",
		"yesterday":                      "",
		"":                               "",
		"ago":                            "",
		"0h ago":                         "",
		"2 fortnights ago":               "",
		"-2h ago":                        "",
		"2h":                             "",
		"99999999999999999999h ago":      "",
		"9999999999999h ago":             "",
		"300y ago":                       "",
		"1730462400":                     "",
		"2026-11-01 12:00 CEST":          "",
	} {
		got, err := rwm.ParseTime(text, now)
		if want == "" {
			if !errors.Is(err, rwm.ErrMoment) {
				t.Errorf("%q: %v, %v", text, got, err)
			}
			continue
		}
		if s := got.UTC().Format(time.RFC3339Nano); err != nil || s != want {
			t.Errorf("%q: %s, want %s, %v", text, s, want, err)
		}
	}
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 30, 0, 0, time.UTC)
	const key = "rwm/state_2026-11-22T03:10:04.123456+01:00.json.gz"
	for _, c := range []struct {
		state, at string
		want      s3state.Moment
		bad       bool
	}{
		{state: key, want: s3state.Moment{StateKey: key}},
		{state: key + "@v1", want: s3state.Moment{StateKey: key, StateVersion: "v1"}},
		{state: "a@b@v1", want: s3state.Moment{StateKey: "a@b", StateVersion: "v1"}},
		{at: "1h ago", want: s3state.Moment{At: now.Add(-time.Hour)}},
		{state: key + "@", bad: true},
		{state: "@v1", bad: true},
		{bad: true},
		{state: key, at: "1h ago", bad: true},
		{at: "soon", bad: true},
	} {
		got, err := rwm.ParseMoment(c.state, c.at, now)
		if c.bad != errors.Is(err, rwm.ErrMoment) || !c.bad && got != c.want {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "1w": 168 * time.Hour, "1h30m": 90 * time.Minute, "": 0, "30": 0, "x": 0, "1.5h": 0,
		"90 minutes": 90 * time.Minute, "2 mins": 2 * time.Minute, "3weeks": 504 * time.Hour, "5ms": 0, "1hs": 0, "1ss": 0, "6mo": 0,
	} {
		got, err := rwm.ParseSpan(text)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2h ago", "2026-11-01 12:00", "1w ago", "ago"} {
		f.Add(s)
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := rwm.ParseTime(text, now); err == nil && at.After(now) {
			t.Errorf("%q is %v, in the future", text, at)
		}
	})
}
