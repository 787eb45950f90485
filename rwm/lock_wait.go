package rwm

import (
	"context"
	"errors"
	"time"
)

// lockRun takes the run lock, and waits for it as long as WithLockWait says.
func (r *run) lockRun(ctx context.Context) (*runLock, error) {
	deadline := time.Now().Add(r.lockWait) // real time, whatever the clock of the caller says
	told := false
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		lock, err := takeRunLock(r.cfg.lockPath(), r.now())
		left := time.Until(deadline)
		if err == nil || !errors.Is(err, ErrRunLocked) || left <= 0 {
			return lock, err
		}
		if !told {
			r.emit(Waiting{What: "another backup run on this host", Err: err})
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(pause, left)):
		}
	}
}
