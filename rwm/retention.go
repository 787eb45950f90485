package rwm

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cesnet/rwm/restic"
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

// checkRetention says what is wrong with one key and its value; "" if nothing is.
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
		if slices.Contains(restic.ParseTagList(value), "") {
			return fmt.Sprintf("%q has an empty tag, which no tagged snapshot has", value)
		}
	default:
		return "is no retention option of restic forget" + didYouMean(key, retentionKeys())
	}
	return ""
}

// policy is the retention, in whichever way it is given.
func (c *Config) policy() (restic.Policy, error) {
	if c.Policy != nil {
		return *c.Policy, nil
	}
	return c.Retention.Policy()
}

// Policy converts the retention to a restic.Policy. Unknown keys and invalid values are
// errors.
func (r Retention) Policy() (restic.Policy, error) {
	var p restic.Policy
	counts := map[string]*int{
		"keep-last": &p.Last, "keep-hourly": &p.Hourly, "keep-daily": &p.Daily,
		"keep-weekly": &p.Weekly, "keep-monthly": &p.Monthly, "keep-yearly": &p.Yearly,
	}
	spans := map[string]*restic.Duration{
		"keep-within": &p.Within, "keep-within-hourly": &p.WithinHourly, "keep-within-daily": &p.WithinDaily,
		"keep-within-weekly": &p.WithinWeekly, "keep-within-monthly": &p.WithinMonthly, "keep-within-yearly": &p.WithinYearly,
	}
	for key, value := range r {
		if problem := checkRetention(key, value); problem != "" {
			return p, &ConfigError{Key: "retention." + key, Msg: problem}
		}
		var err error
		switch {
		case counts[key] != nil && value == "unlimited":
			*counts[key] = restic.KeepAll
		case counts[key] != nil:
			*counts[key], err = strconv.Atoi(value)
		case spans[key] != nil:
			*spans[key], err = restic.ParseDuration(value)
		default:
			p.Tags = append(p.Tags, restic.ParseTagList(value))
		}
		if err != nil {
			return p, &ConfigError{Key: "retention." + key, Msg: err.Error()}
		}
	}
	return p, nil
}
