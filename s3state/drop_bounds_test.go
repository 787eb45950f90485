package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// An attacker who has replaced a snapshot by one with less in it, and then writes more
// snapshots than a history reads, or deletes as many, does not get the original
// dropped: a drop reads all.
func TestDropReadsAllSnapshots(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.backup()
	original := r.snapshots[0]
	var reduced string
	r.run(func() {
		reduced = r.blob("snapshots", r.body("reduced snapshot"))
		r.del(original)
	})
	r.srv.AdvanceClock(t, time.Hour)
	r.admin.readMost = 5
	for range 3 * r.admin.readMost {
		r.blob("snapshots", r.body("snapshot"))
	}
	size := map[string]SnapshotSize{resticID(original): {Entries: 100, Bytes: 1e6}, resticID(reduced): {Entries: 1, Bytes: 10}}
	opts := DropOptions{
		RequireComplete: true, Confirm: yes, DryRun: true,
		Inspector: func(context.Context, time.Time) (Inspect, error) {
			return func(v Version, body []byte) (Verdict, error) {
				if TypeOf(v.Key) != TypeSnapshot {
					return Verdict{}, nil
				}
				claim := &SnapshotClaim{Time: v.LastModified, Group: "a host", Tree: v.Key}
				if v.Key == reduced {
					claim.Original = resticID(original)
				}
				return Verdict{Snapshot: claim}, nil
			}, nil
		},
		Measure: func(_ context.Context, _ *View, ids []string) (map[string]SnapshotSize, error) {
			found := make(map[string]SnapshotSize)
			for _, id := range ids {
				found[id] = size[id]
			}
			return found, nil
		},
	}
	_, err := r.admin.DropVersions(r.ctx, r.bucket, opts)
	if !errors.Is(err, ErrUnconfirmed) || !strings.Contains(fmt.Sprint(err), "takes the place of") {
		t.Errorf("%v", err)
	}
}

// However many snapshots were deleted, each of them is known to be.
func TestManySnapshotsGone(t *testing.T) {
	var g snapshotsGone
	name := func(i int) string { return fmt.Sprintf("snapshots/%064x", i) }
	n := harness.SizeRaced(20_000, 250_000, 250_000)
	for i := range n {
		g.note(name(i), at(i))
		g.note(name(i), at(0)) // an earlier deletion
	}
	for _, i := range []int{0, 1, n - 1} {
		if when, ok := g.of(name(i)); !ok || !when.Equal(at(i)) {
			t.Errorf("%d: %v %t", i, when, ok)
		}
	}
	if _, ok := g.of(name(n)); ok {
		t.Error("what was not deleted")
	}
}

// Where the budget of the proofs is spent, no state is taken for one that does not
// hold: the drop would keep fewer than it was told to.
func TestDropKeepsNoFewerStatesForWantOfRequests(t *testing.T) {
	r := newFakeRestic(t)
	for range 4 {
		r.backup()
	}
	r.srv.AdvanceClock(t, time.Hour)
	before := dump(t, r.admin, r.bucket)
	for most := range 4 {
		left := most
		opts := DropOptions{KeepStates: 3, Prover: func(context.Context, *View, func(string) bool) (*Proof, error) {
			if left--; left < 0 {
				return &Proof{Verdict: NotProved, Reason: "budget spent", Spent: true}, nil
			}
			return &Proof{Verdict: Proved}, nil
		}}
		if most == 3 {
			opts.DryRun = true
		}
		res, err := r.admin.DropVersions(r.ctx, r.bucket, opts)
		if most == 3 {
			if err != nil || len(res.Kept) != 3 {
				t.Errorf("enough: %v %+v", err, res)
			}
			continue
		}
		if !errors.Is(err, ErrUnconfirmed) || !errors.Is(err, ErrNotProved) || !strings.Contains(fmt.Sprint(err), "nothing was removed") {
			t.Errorf("enough for %d: %v", most, err)
		}
	}
	left := strings.Join(dump(t, r.admin, r.bucket), "\n")
	for _, line := range before {
		if name, _, _ := strings.Cut(line, " latest="); !strings.Contains(left, name) {
			t.Errorf("%s is gone", name)
		}
	}
}
