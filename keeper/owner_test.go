//go:build unix

package keeper_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/s3state"
)

// What a pass of root leaves in the directory of another user can be read by that user:
// else the renewals of the unit would fail after one pass by hand.
func TestPassByRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	const user = 65534
	w := lockedWorld(t, &s3state.LockOptions{Days: 9}, "")
	state := filepath.Join(w.dir, "state")
	outside := filepath.Join(w.dir, "outside")
	must(t, os.Mkdir(state, 0o700))
	must(t, os.Chown(state, user, user))
	must(t, os.WriteFile(outside, nil, 0o600))
	must(t, os.Symlink(outside, filepath.Join(state, "link")))
	must(t, os.Link(outside, filepath.Join(state, "hardlink")))
	w.pass()
	files := 0
	must(t, filepath.WalkDir(state, func(name string, _ fs.DirEntry, err error) error {
		info, statErr := os.Lstat(name)
		if err != nil || statErr != nil {
			return err
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != user && filepath.Base(name) != "hardlink" {
			t.Errorf("%s belongs to %d", name, uid)
		}
		files++
		return nil
	}))
	info, err := os.Stat(outside)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 || files < 10 {
		t.Errorf("%v, %v; %d files", info, err, files)
	}
}

// Without the record of renewals the locks are renewed all the same, and it is said.
func TestRenewWithoutTheRecord(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t, &s3state.LockOptions{Days: 9}, ", promise: 9d")
	green(t, w.pass())
	ledger := w.ledger()
	must(t, os.Remove(ledger))
	must(t, os.Mkdir(ledger, 0o700))
	w.advance(5 * day)
	s := w.one()
	if got := task(t, s, keeper.TaskRenew); !slices.Contains(codes(s), "renew") || !strings.Contains(got.Text, "is not a regular file") {
		t.Errorf("red for %q: %+v", codes(s), got)
	}
	if s.Floor.Before(w.clock().Add(9 * day)) {
		t.Errorf("locked until %s, and it is %s", s.Floor, w.clock())
	}
	must(t, os.Remove(ledger))
	w.advance(time.Hour)
	green(t, w.pass())
}
