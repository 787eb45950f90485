package events

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
)

func TestEndOfWhichContext(t *testing.T) {
	alive := t.Context()
	dead, cancel := context.WithCancel(alive)
	cancel()
	other := errors.New("other")
	late := fmt.Errorf("late: %w", context.DeadlineExceeded)
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {other, false},
		{context.Canceled, true}, {late, true}, {errors.Join(other, late), true},
		{fmt.Errorf("%w: %w", late, other), true},
		{&net.DNSError{UnwrapErr: context.DeadlineExceeded}, true},
		{Own(dead, late), true}, {Own(alive, late), false}, {Own(alive, context.Canceled), false},
		{fmt.Errorf("step: %w", Own(alive, late)), false},
		{errors.Join(Own(alive, late), other), false},
		{errors.Join(Own(alive, late), context.Canceled), true},
	} {
		if got := Ended(test.err); got != test.want {
			t.Errorf("%v: %t", test.err, got)
		}
	}
	if marked := Own(alive, late); !errors.Is(marked, late) || !errors.Is(marked, context.DeadlineExceeded) || marked.Error() != late.Error() {
		t.Errorf("%v", marked)
	}
	if Own(alive, other) != other || Own(alive, nil) != nil { //nolint:errorlint // the same one
		t.Error("what is no end is left as it is")
	}
}
