package events_test

import (
	"sync"
	"testing"

	"github.com/cesnet/rwm/internal/events"
)

func TestOneAtATimeAndNothingAfterStop(t *testing.T) {
	t.Parallel()
	sum := 0 // unguarded: the race detector tells whether two calls overlap
	e := events.New(func(n int) { sum += n })
	if !e.Wanted() {
		t.Error("a function is there, yet nothing is wanted")
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 50 {
				e.Emit(1)
			}
		})
	}
	wg.Wait()
	e.Stop()
	e.Emit(1)
	if sum != 1000 || e.Wanted() {
		t.Errorf("%d events, wanted after Stop: %v", sum, e.Wanted())
	}
}

func TestWithoutAFunction(t *testing.T) {
	t.Parallel()
	for _, e := range []*events.Emitter[int]{nil, events.New[int](nil)} {
		e.Emit(1)
		if e.Wanted() {
			t.Error("nothing listens, yet events are wanted")
		}
		e.Stop()
	}
}
