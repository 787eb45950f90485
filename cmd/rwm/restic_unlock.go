package main

import "github.com/cesnet/rwm/restic"

type resticUnlockCmd struct {
	writes
	RemoveAll bool `help:"Remove all locks, those of running processes too."`
}

func (c resticUnlockCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	result, err := s.Unlock(a.ctx, restic.UnlockOptions{RemoveAll: c.RemoveAll})
	if err != nil {
		return err
	}
	if n := len(result.Removed); n > 0 {
		a.say("successfully removed %d locks", n)
	}
	for _, lock := range result.Kept {
		a.say("kept the lock of process %d of %s on %s, refreshed %s: it is in use", lock.PID, lock.User, lock.Host, formatTime(lock.Since))
	}
	return nil
}
