package restic

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseSize parses a number of bytes as in restic's options: digits and an optional
// suffix k, m, g or t, in either case, for powers of 1024.
func ParseSize(s string) (uint64, error) {
	digits, unit := s, uint64(1)
	if n := len(s); n > 0 {
		if i := strings.IndexByte("kmgt", s[n-1]|0x20); i >= 0 {
			digits, unit = s[:n-1], 1<<(10*(i+1))
		} else if s[n-1] == 'b' || s[n-1] == 'B' {
			digits = s[:n-1]
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("invalid size %q: use a number of bytes, with a suffix k, M, G or T if need be", s)
	}
	if n > math.MaxInt64/unit {
		return 0, fmt.Errorf("invalid size %q: it is too large", s)
	}
	return n * unit, nil
}
