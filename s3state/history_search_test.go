package s3state

import (
	"strings"
	"testing"
	"time"
)

// TestSearchAfterRepairs: a moment between two faults is found, whatever the steps back
// go past. The newest moment is the first letter; g holds, any other letter is a fault.
func TestSearchAfterRepairs(t *testing.T) {
	many := "abcdefhijklmnopqrstuvwxyz"
	for moments, want := range map[string]int{
		"g":                       0,
		"aag":                     2,
		"aagbbg":                  2, // as found by a random history: the steps go past it
		"aaaagbbbbbbbbbggg":       4,
		"abgcg":                   2,
		"aaabbbgcccccccg":         6,
		"aaaaaaaa":                -1,
		"aaaabbbb":                -1,
		many + "g":                len(many),
		strings.Repeat("a", 1000): -1,
		strings.Repeat("a", 500) + "g" + strings.Repeat("b", 500) + "g": 500,
	} {
		p := newSearch(nil, "", nil, nil, nil)
		var list []time.Time
		for i, letter := range moments {
			at := time.Unix(int64(10_000-i), 0)
			list = append(list, at)
			proof := &Proof{Verdict: Broken, Fault: string(letter), At: at}
			if letter == 'g' {
				proof = &Proof{Verdict: Proved, At: at}
			}
			p.known[at.UnixNano()] = proof
		}
		good, failed, err := p.latest(t.Context(), nil, list)
		got := -1
		if good != nil {
			got = 10_000 - int(good.At.Unix())
		}
		if err != nil || got != want {
			t.Errorf("%.40s: moment %d, %v; want %d", moments, got, err, want)
		}
		if want > 0 && (failed == nil || !failed.At.Equal(list[want-1])) {
			t.Errorf("%.40s: what fails last is %+v", moments, failed)
		}
	}
}
