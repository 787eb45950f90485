package events

import "context"

// Own returns the error of a caller's function or stream, marked if it is the end of a
// context of its own, such as a deadline of its own: ctx, that of the operation, still
// lives, so the operation was not interrupted.
func Own(ctx context.Context, err error) error {
	if ctx.Err() == nil && Ended(err) {
		return &own{err}
	}
	return err
}

type own struct{ error }

func (o *own) Unwrap() error { return o.error }

// Ended reports whether err is the end of a context, of which Own has not found that it
// is another one than the operation's.
func Ended(err error) bool {
	for err != nil {
		if _, marked := err.(*own); marked { //nolint:errorlint // of the tree, one by one
			return false
		}
		if is(err, context.Canceled) || is(err, context.DeadlineExceeded) {
			return true
		}
		switch wrapper := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			err = wrapper.Unwrap()
		case interface{ Unwrap() []error }:
			for _, each := range wrapper.Unwrap() {
				if Ended(each) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}

// is is errors.Is without what err wraps.
func is(err, target error) bool {
	if err == target { //nolint:errorlint // what it wraps is looked at on its own
		return true
	}
	asked, ok := err.(interface{ Is(target error) bool }) //nolint:errorlint // as above
	return ok && asked.Is(target)
}
