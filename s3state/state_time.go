package s3state

import (
	"strings"
	"time"
)

// stateTime is ISO-8601 as Python's datetime.isoformat writes and reads it.
const stateTime = "2006-01-02T15:04:05.000000-07:00"

// parseStateTime reads the forms of ISO-8601 that Python's isoformat and str
// and Go's RFC 3339 give. Without an offset it is local time. Go reads offsets of a day
// and more, too, but a time with one does not survive JSON.
func parseStateTime(text string) (time.Time, error) {
	t, err := parseAnyTime(text)
	if err == nil {
		_, err = t.MarshalJSON()
	}
	if err != nil {
		return time.Time{}, err
	}
	return t, nil
}

func parseAnyTime(text string) (time.Time, error) {
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.ParseInLocation("2006-01-02T15:04:05.999999999", text, time.Local)
}
