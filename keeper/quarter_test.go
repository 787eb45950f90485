package keeper_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/s3state"
)

// sealedWorld has one sealed and locked bucket, seen with the keeper's keys ("locked"),
// with those of its sealed host ("host"), and with the same where what the host may not
// is off ("off").
func sealedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	// restic's locks have real time, and one from another day explains no deletion.
	w.set(time.Now().Add(-92 * day).Truncate(time.Second))
	bucket := w.Bucket(t)
	_, err := s3state.New(w.Client(t, w.Admin), s3state.WithClock(w.clock)).Create(t.Context(), bucket, w.Host.Name, s3state.CreateOptions{
		Lock: &s3state.LockOptions{Days: 30}, Keeper: w.Host2.Name, Sealed: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	keys := func(access, secret string) string {
		return fmt.Sprintf("s3_endpoint_url: %s, s3_access_key: %s, s3_secret_key: %s, restic_bucket: %s, restic_password: pw-web1", w.URL, access, secret, bucket)
	}
	w.parse(fmt.Sprintf(`state_dir: %s
admin_config: admin.conf
storages:
  locked: {%s, retention: {keep-within: 10d}}
  host: {%s}
  off: {%s, policy: off, renew: off, history: off, prove: off, signs: off, drill: off, read_all_within: off}
`, filepath.Join(w.dir, "state"), keys(w.Host2.AccessKey, w.Host2.SecretKey), keys(w.Host.AccessKey, w.Host.SecretKey), keys(w.Host.AccessKey, w.Host.SecretKey)))
	w.cfg.Storages["web1"] = w.cfg.Storages["locked"] // as host names it
	session, err := w.host("web1").InitRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(t, session.Close())
	delete(w.cfg.Storages, "web1")
	return w
}

// A quarter with a sealed bucket that is locked. With the keeper's keys everything is
// proved, the retention is the keeper's, and the lock's floor never falls below what is
// promised. With those of the host nothing that needs file data or old versions is
// proved, and says so; where that is off the rest is green.
func TestQuarterSealed(t *testing.T) {
	harness.NotShort(t)
	t.Parallel()
	w := sealedWorld(t)
	backup := func() {
		w.cfg.Storages["web1"] = w.cfg.Storages["locked"]
		defer delete(w.cfg.Storages, "web1")
		if _, err := w.host("web1").BackupAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 30 {
		w.write("web1", fmt.Sprintf("docs/%d.txt", i), prose(i, 2000))
	}
	step := time.Duration(harness.SizeRaced(30, 15, 3)) * day
	for _, s := range w.cfg.Storages {
		s.ExpectBackupWithin = keeper.Period(2 * step)
		for _, every := range []*keeper.Every{&s.Prove, &s.Drill, &s.Renew} {
			if every.On() {
				*every = keeper.Period(step)
			}
		}
	}
	var forgot bool
	days := 0
	for ; time.Duration(days)*day < 90*day; days += int(step / day) {
		w.write("web1", "docs/changing.txt", noise(4000))
		backup()
		w.advance(time.Hour)
		for _, s := range w.pass().Storages {
			switch s.Storage {
			case "locked":
				if !s.Green {
					t.Fatalf("day %d: %v", days, s.Reds)
				}
				if !s.Locked || s.Floor.Before(w.clock().Add(30*day)) || s.Proof == nil || !s.Proof.Proved || s.Drill == nil || s.Drill.Files == 0 {
					t.Fatalf("day %d: locked %t, floor %s, proof %+v, drill %+v", days, s.Locked, s.Floor, s.Proof, s.Drill)
				}
				forget := task(t, s, keeper.TaskForget)
				forgot = forgot || forget.Outcome == keeper.Proved && !strings.HasPrefix(forget.Text, "0 snapshots")
			case "off":
				if !s.Green {
					t.Fatalf("day %d, without what needs file data: %v", days, s.Reds)
				}
			case "host":
				if s.Green {
					t.Fatalf("day %d: green with the keys of a sealed host", days)
				}
				for _, which := range []keeper.Task{keeper.TaskPolicy, keeper.TaskHistory, keeper.TaskProve, keeper.TaskRead, keeper.TaskDrill} {
					if one := task(t, s, which); one.Outcome != keeper.NotProved || one.Text == "" || !slices.Contains(codes(s), string(which)) {
						t.Fatalf("day %d: %s with the keys of a sealed host: %+v, red for %v", days, which, one, codes(s))
					}
				}
				if slices.Contains(codes(s), "unreachable") || len(open(s)) > 0 {
					t.Fatalf("day %d: %v", days, s.Reds)
				}
			}
		}
		w.advance(step - time.Hour)
	}
	if !forgot {
		t.Error("the keeper never forgot a snapshot")
	}
	for _, c := range w.told {
		if c.Storage != "host" {
			t.Errorf("told %+v", c)
		}
	}
}
