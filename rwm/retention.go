package rwm

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// counted and within are the keys of a retention, as `restic forget` has them
// with two dashes in front.
var (
	counted = []string{"keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"}
	within  = []string{"keep-within", "keep-within-hourly", "keep-within-daily", "keep-within-weekly", "keep-within-monthly", "keep-within-yearly"}
)

const keepTag = "keep-tag"

func retentionKeys() []string { return slices.Concat(counted, within, []string{keepTag}) }

// isDuration matches restic's durations: years, months, days and hours as in
// 1y6m14d12h, any of them left out. No number is so long that it overflows.
var isDuration = regexp.MustCompile(`^([0-9]{1,6}[ymdh])+$`)

// check says what is wrong with one key and its value; "" if nothing is.
func checkRetention(key, value string) string {
	switch {
	case slices.Contains(counted, key):
		if value == "unlimited" {
			return ""
		}
		if n, err := strconv.Atoi(value); err != nil || n < -1 {
			return fmt.Sprintf("%q is not a number of snapshots (0 or more, or unlimited)", value)
		}
	case slices.Contains(within, key):
		if !isDuration.MatchString(value) {
			return fmt.Sprintf("%q is not a duration like 14d, 6m or 1y5m7d2h (years, months, days, hours)", value)
		}
	case key == keepTag:
		if strings.TrimSpace(value) == "" {
			return "has no tag"
		}
	default:
		return "is no retention option of restic forget" + didYouMean(key, retentionKeys())
	}
	return ""
}
