package restic

import (
	"fmt"
	"strconv"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
)

// Duration is a span of calendar time, for the keep-within policies.
type Duration struct {
	Years, Months, Days, Hours int
}

// maxDurationUnit keeps calendar arithmetic far from overflowing.
const maxDurationUnit = 1_000_000

// ParseDuration reads a duration as restic writes it, for example "1y5m7d2h". The empty
// string is the zero Duration.
func ParseDuration(s string) (Duration, error) {
	var d Duration
	rest := strings.TrimSpace(s)
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 {
			return Duration{}, fmt.Errorf("invalid duration %q: a number is missing before %q, use for example 1y5m7d2h", s, rest)
		}
		n, err := strconv.Atoi(rest[:digits])
		if err != nil || n > maxDurationUnit {
			return Duration{}, fmt.Errorf("invalid duration %q: %s is too large", s, rest[:digits])
		}
		rest = rest[digits:]
		if rest == "" {
			return Duration{}, fmt.Errorf("invalid duration %q: a unit (y, m, d or h) is missing after %d", s, n)
		}
		switch rest[0] {
		case 'y':
			d.Years = n
		case 'm':
			d.Months = n
		case 'd':
			d.Days = n
		case 'h':
			d.Hours = n
		default:
			return Duration{}, fmt.Errorf("invalid duration %q: unknown unit %q, use y, m, d or h", s, rest[0])
		}
		rest = rest[1:]
	}
	return d, nil
}

// String returns the duration as ParseDuration reads it.
func (d Duration) String() string { return engdata.Duration(d.engine()).String() }

// IsZero reports whether the duration is unset.
func (d Duration) IsZero() bool { return d == Duration{} }

func (d Duration) negative() bool { return d.Years < 0 || d.Months < 0 || d.Days < 0 || d.Hours < 0 }

func (d Duration) engine() engdata.Duration {
	return engdata.Duration{Hours: d.Hours, Days: d.Days, Months: d.Months, Years: d.Years}
}
