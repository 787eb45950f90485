package restic

import (
	"context"
	"errors"
	"fmt"
)

// Close releases the lock. It waits for running operations, however long they take, and
// ends every Reader and FS. The session cannot be used afterwards; closing it again
// does nothing. CloseContext limits the wait. Closing the nil Session that a failed
// Open returned is an error, ErrClosed, so Close may be deferred before the error is
// checked.
func (s *Session) Close() error { return s.CloseContext(context.Background()) }

// errNilSession is the error of a session that was never opened.
var errNilSession = fmt.Errorf("%w: it was never opened", ErrClosed)

// never reports whether the session was not made by Open or Init.
func (s *Session) never() bool { return s == nil || s.users == nil }

// abortTime is how long CloseContext waits for operations that it has cancelled.
const abortTime = lockTimeCancelled

// CloseContext is Close, but when ctx ends before the running operations do, these are
// cancelled and return ErrClosed. They get ten seconds to end; if they do not, the
// error wraps ErrStillRunning, and the lock stays until they have ended. The storage,
// too, gets ten seconds more to remove the lock.
func (s *Session) CloseContext(ctx context.Context) error {
	if s.never() {
		return errNilSession
	}
	defer s.opts.events.Rethrow()
	s.close()
	if err := s.users.Acquire(ctx, allUsers); err != nil {
		s.abort(ErrClosed)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
		defer cancel()
		if err := s.users.Acquire(last, allUsers); err != nil {
			go s.finishClosing()
			return fmt.Errorf("%s: %w %v after they were cancelled", s.loc, ErrStillRunning, abortTime)
		}
	}
	return s.shutDown(ctx)
}

// finishClosing releases the lock once the operations have ended.
func (s *Session) finishClosing() {
	_ = s.users.Acquire(context.Background(), allUsers)
	_ = s.shutDown(context.Background())
}

// shutDown closes the session. The caller has acquired all users.
func (s *Session) shutDown(ctx context.Context) error {
	defer s.users.Release(allUsers)
	if s.shut {
		return nil
	}
	s.shut = true
	s.poison()
	defer s.abort(ErrClosed)
	return errors.Join(s.releaseLock(ctx), s.stack.Close())
}

// abortable returns a context that also ends when CloseContext gives up waiting.
func (s *Session) abortable(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.aborting, func() { cancel(context.Cause(s.aborting)) })
	return ctx, func() { stop(); cancel(nil) }
}

// notStarted is the error of an operation that the session closed before its turn.
func (s *Session) notStarted(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return fmt.Errorf("%s: %w", s.loc, ErrClosed)
	}
	return err
}

// aborted makes the error of an operation that CloseContext cancelled ErrClosed.
func (s *Session) aborted(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrClosed) && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("%w while the operation was running: %w", ErrClosed, err)
	}
	return err
}
