package rwm

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cesnet/rwm/s3state"
)

// ErrMoment is wrapped by the errors of [ParseMoment] and [ParseTime].
var ErrMoment = errors.New("not understood as a moment")

// ParseTime parses a time as people write it:
//
//	2026-11-01T12:00:00+01:00   RFC 3339
//	2026-11-01 12:00            in the zone; seconds may follow, and an offset like +0100, or UTC
//	2026-11-01                  the beginning of that day in the zone
//	2h ago, 1d12h ago, 3 days ago
//
// "ago" counts back from now, in days of 24 hours, and now's location is the zone. A
// time after now is an error.
func ParseTime(text string, now time.Time) (time.Time, error) {
	at, err := parseTime(strings.TrimSpace(text), now)
	if err != nil {
		return time.Time{}, err
	}
	if at.After(now) {
		return time.Time{}, fmt.Errorf("%q is %w of the past: it is now %s", text, ErrMoment, now.Format(time.RFC3339))
	}
	return at, nil
}

// layouts without an offset are in the zone.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04 -0700", "2006-01-02 15:04:05 -07:00", "2006-01-02 15:04 -07:00",
	"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02",
}

func parseTime(text string, now time.Time) (time.Time, error) {
	if span, found := strings.CutSuffix(text, "ago"); found {
		d, err := parseSpan(span)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is %w: %w", text, ErrMoment, err)
		}
		return now.Add(-d), nil
	}
	zone := now.Location()
	bare := text
	if s, found := strings.CutSuffix(text, " UTC"); found {
		bare, zone = s, time.UTC
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, bare, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is %w: write 2026-11-01T12:00:00+01:00, 2026-11-01 12:00 (in the time zone %s) or 2h ago", text, ErrMoment, now.Format("MST -0700"))
}

var (
	spanPart = regexp.MustCompile(`^\s*(\d+)\s*([a-z]+)`)
	units    = map[string]time.Duration{
		"s": time.Second, "sec": time.Second, "second": time.Second,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute,
		"h": time.Hour, "hour": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
	}
)

// ParseSpan parses a duration: 30d, 1d12h, 90 minutes. Units are s, m, h, d (24 hours)
// and w.
func ParseSpan(text string) (time.Duration, error) {
	d, err := parseSpan(text)
	if err != nil {
		return 0, fmt.Errorf("invalid duration %q: %w", text, err)
	}
	return d, nil
}

func parseSpan(text string) (total time.Duration, err error) {
	rest := strings.ToLower(text)
	for strings.TrimSpace(rest) != "" {
		part := spanPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, fmt.Errorf("write a number and a unit, as in 2h, 1d12h or 3 days")
		}
		unit, known := units[part[2]]
		if word, plural := strings.CutSuffix(part[2], "s"); plural && len(word) > 1 { // ms is no unit
			unit, known = units[word]
		}
		if !known {
			return 0, fmt.Errorf("the unit %q is unknown; there are s, m, h, d and w", part[2])
		}
		n, err := strconv.ParseInt(part[1], 10, 64)
		if err != nil || n > int64((1<<63-1-total)/unit) {
			return 0, fmt.Errorf("%s%s is too long", part[1], part[2])
		}
		total += time.Duration(n) * unit
		rest = rest[len(part[0]):]
	}
	if total == 0 {
		return 0, errors.New("it is empty or zero")
	}
	return total, nil
}

// ParseMoment reads a moment given as a state KEY[@VERSION] or as a time (see
// [ParseTime]); exactly one is not empty. Without a version, the key's current
// one is meant, which the host may have overwritten.
func ParseMoment(state, at string, now time.Time) (s3state.Moment, error) {
	switch {
	case state != "" && at != "":
		return s3state.Moment{}, fmt.Errorf("a state and a time are %w: choose one", ErrMoment)
	case at != "":
		t, err := ParseTime(at, now)
		return s3state.Moment{At: t}, err
	}
	m := s3state.Moment{StateKey: state}
	if i := strings.LastIndex(state, "@"); i >= 0 {
		m.StateKey, m.StateVersion = state[:i], state[i+1:]
		if m.StateVersion == "" {
			return s3state.Moment{}, fmt.Errorf("%q is %w: the version after the @ is missing", state, ErrMoment)
		}
	}
	if m.StateKey == "" {
		return s3state.Moment{}, fmt.Errorf("%q is %w: write KEY or KEY@VERSION, as `rwm storage-info BUCKET` shows them", state, ErrMoment)
	}
	return m, nil
}

// MomentString describes the moment of v, with its time in the given zone.
func MomentString(v *s3state.View, zone *time.Location) string {
	at := "as of " + v.Time.In(zone).Format("2006-01-02 15:04:05 MST (-07:00)")
	if v.Moment.StateKey != "" {
		at += ", state " + v.Moment.StateKey
	}
	return at
}
