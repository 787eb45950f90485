package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/restic"
)

// simStorage is a storage of the simulated fleet as a keeper sees it. What is wrong
// with it is set by the test.
type simStorage struct {
	*simHost
	clock func() time.Time

	outage  bool   // no answer
	dies    string // the method at which the keeper is killed
	policy  string // what is wrong with the policy
	marks   []keeper.Mark
	damaged bool     // something needed is gone
	lock    *simLock // nil for none
	sealed  bool     // the keeper has no password
	drops   int
	forgets int
	kill    context.CancelFunc
}

func (s *simStorage) fails(method string) error {
	if s.dies == method {
		s.dies = ""
		s.kill()
		return context.Canceled
	}
	if s.outage {
		return errors.New("no answer")
	}
	return nil
}

func (s *simStorage) Survey(context.Context, *keeper.Survey) (*keeper.Survey, error) {
	if err := s.fails("survey"); err != nil {
		return nil, err
	}
	sv := &keeper.Survey{Objects: int64(len(s.snapshots)), Bytes: int64(len(s.blobs)) << 12,
		Fingerprint: fmt.Sprintf("%d %d %t", len(s.snapshots), len(s.marks), s.damaged)}
	if n := len(s.snapshots); n > 0 {
		sv.Fingerprint += s.snapshots[n-1].ID.String()
		sv.OldestSnapshot, sv.NewestSnapshot, sv.Newest = s.snapshots[0].Time, s.snapshots[n-1].Time, s.snapshots[n-1].Time
	}
	return sv, nil
}

func (s *simStorage) Policy(context.Context) (*keeper.PolicyResult, error) {
	if s.policy != "" {
		return &keeper.PolicyResult{Problems: []string{s.policy}}, s.fails("policy")
	}
	return &keeper.PolicyResult{OK: true, Locked: s.lock != nil}, s.fails("policy")
}

func (s *simStorage) Access(context.Context) (*keeper.AccessResult, error) {
	return &keeper.AccessResult{OK: true}, nil
}

func (s *simStorage) History(context.Context, time.Time) (*keeper.HistoryResult, error) {
	return &keeper.HistoryResult{Marks: s.marks, Total: len(s.marks), LastGood: s.clock()}, s.fails("history")
}

func (s *simStorage) Prove(_ context.Context, at time.Time) (*keeper.Proof, error) {
	if s.sealed {
		return nil, errSealed
	}
	return &keeper.Proof{Moment: at, Proved: !s.damaged, Damage: s.damaged, Why: "a pack is missing"}, s.fails("prove")
}

func (s *simStorage) Forget(context.Context, restic.Policy) (*keeper.Forgotten, error) {
	s.forgets++
	return &keeper.Forgotten{}, s.fails("forget")
}

func (s *simStorage) Drop(context.Context, time.Duration) (*keeper.Dropped, error) {
	s.drops++
	return &keeper.Dropped{}, s.fails("drop")
}

func (s *simStorage) ReadSlice(context.Context, uint, uint) (*keeper.ReadResult, error) {
	if s.sealed {
		return nil, errSealed
	}
	return &keeper.ReadResult{Packs: 1}, s.fails("read")
}

func (s *simStorage) Snapshots(context.Context) ([]restic.Snapshot, error) {
	if s.sealed {
		return nil, errSealed
	}
	return s.snapshots, s.fails("snapshots")
}

func (s *simStorage) Source(context.Context) (signs.Source, error) { return simSource{s.simHost}, nil }

func (s *simStorage) Drill(context.Context, keeper.DrillPlan) (*keeper.DrillResult, error) {
	if s.sealed {
		return nil, errSealed
	}
	return &keeper.DrillResult{Files: 10, Bytes: 1 << 20, Seconds: 1}, s.fails("drill")
}

func (s *simStorage) Close() error { return nil }

type simSource struct{ h *simHost }

func (s simSource) Tree(_ context.Context, id restic.ID) ([]restic.TreeNode, error) {
	nodes, ok := s.h.trees[id]
	if !ok {
		return nil, fmt.Errorf("no tree %s", id)
	}
	return nodes, nil
}

func (s simSource) Blob(_ context.Context, id restic.ID) ([]byte, error) {
	c, ok := s.h.blobs[id]
	if !ok {
		return nil, fmt.Errorf("no blob %s", id)
	}
	return c.beginning(), nil
}
