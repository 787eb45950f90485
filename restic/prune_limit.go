package restic

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// UnusedLimit is how much unused data a prune may leave. The zero value is restic's
// default, 5 %.
type UnusedLimit struct {
	kind    unusedKind
	percent float64
	size    uint64
}

type unusedKind uint8

const (
	unusedDefault unusedKind = iota
	unusedPercent
	unusedBytes
	unusedUnlimited
)

const defaultUnusedPercent = 5

// UnusedPercent tolerates unused data up to p percent of the repository, 0 ≤ p < 100.
func UnusedPercent(p float64) UnusedLimit { return UnusedLimit{kind: unusedPercent, percent: p} }

// UnusedBytes tolerates n bytes of unused data.
func UnusedBytes(n uint64) UnusedLimit { return UnusedLimit{kind: unusedBytes, size: n} }

// UnusedUnlimited tolerates any amount: only packs that are unused as a whole are
// removed.
func UnusedUnlimited() UnusedLimit { return UnusedLimit{kind: unusedUnlimited} }

// ParseUnusedLimit reads "unlimited", a percentage like "5%" or a size like "200M", as
// restic's --max-unused takes it.
func ParseUnusedLimit(s string) (UnusedLimit, error) {
	s = strings.TrimSpace(s)
	var l UnusedLimit
	switch percent, isPercent := strings.CutSuffix(s, "%"); {
	case s == "unlimited":
		l = UnusedUnlimited()
	case isPercent:
		p, err := strconv.ParseFloat(percent, 64)
		if err != nil {
			return UnusedLimit{}, fmt.Errorf("invalid percentage %q", s)
		}
		l = UnusedPercent(p)
	default:
		n, err := ParseSize(s)
		if err != nil {
			return UnusedLimit{}, err
		}
		l = UnusedBytes(n)
	}
	return l, l.check()
}

func (l UnusedLimit) check() error {
	if l.kind == unusedPercent && !(l.percent >= 0 && l.percent < 100) {
		return fmt.Errorf("invalid limit of unused data %v%%: it must be at least 0%% and below 100%%", l.percent)
	}
	return nil
}

// bytes returns the limit for a repository that uses this many bytes. The percentage
// refers to used and unused data together.
func (l UnusedLimit) bytes(used uint64) uint64 {
	percent := l.percent
	switch l.kind {
	case unusedBytes:
		return l.size
	case unusedUnlimited:
		return math.MaxUint64
	case unusedDefault:
		percent = defaultUnusedPercent
	}
	return uint64(percent / (100 - percent) * float64(used))
}

// SizeLimit bounds a number of bytes. The zero value is no limit.
type SizeLimit struct {
	limited bool
	max     uint64
}

// AtMost is a limit of n bytes; 0 allows nothing at all.
func AtMost(n uint64) SizeLimit { return SizeLimit{limited: true, max: n} }

func (l SizeLimit) bytes() uint64 {
	if !l.limited {
		return math.MaxUint64
	}
	return l.max
}
