// Package ahead drops times that lie ahead of the clock.
package ahead

import "time"

// Most is how far ahead of this machine's clock the server's may be. What a person has
// looked at is dated by the server; what is dated later than that was dated by a wrong
// clock, and would cover all that happens until then.
const Most = 24 * time.Hour

// Drop clears the times until which something was reviewed that are further ahead of
// now than a server's clock may be.
func Drop(now time.Time, reviewed ...*time.Time) {
	for _, until := range reviewed {
		if until.After(now.Add(Most)) {
			*until = time.Time{}
		}
	}
}
