package ahead

import (
	"testing"
	"time"
)

func TestDrop(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	past, little, far, none := now.Add(-time.Hour), now.Add(Most), now.Add(Most+time.Second), time.Time{}
	Drop(now, &past, &little, &far, &none)
	if past.IsZero() || little.IsZero() || !far.IsZero() || !none.IsZero() {
		t.Error(past, little, far, none)
	}
}
