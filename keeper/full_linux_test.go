package keeper_test

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/keeper"
)

// A state directory on a disk that is full, or read-only: the pass finds what there is
// to find, without waiting for each object that the cache has no room for, says that it
// cannot be kept, and is green as soon as there is room.
func TestNoRoomForState(t *testing.T) {
	harness.NotShort(t)
	if os.Getuid() != 0 {
		harness.NotHere(t, "only root can mount a small file system")
	}
	t.Parallel()
	w := newWorld(t, "web1")
	dir := w.cfg.StateDir
	must(t, os.MkdirAll(dir, 0o700))
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=16k"); err != nil {
		harness.NotHere(t, "no file system can be mounted: "+err.Error())
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	remount := func(options string, flags uintptr) {
		t.Helper()
		must(t, syscall.Mount("none", dir, "", syscall.MS_REMOUNT|flags, options))
	}
	w.backup("web1")
	pass := func() *keeper.Status {
		t.Helper()
		w.advance(time.Hour)
		w.ResetRequests(t)
		report, err := w.keeper().Pass(t.Context())
		if err == nil || report == nil {
			t.Fatalf("nothing is said: %v", err)
		}
		seen := map[string]int{}
		for _, r := range w.Requests(t) {
			if strings.Contains(r.Path, "/index/") && r.Query != "" {
				if seen[r.Path+"?"+r.Query]++; seen[r.Path+"?"+r.Query] > 12 {
					t.Fatalf("%s is read again and again", r.Path)
				}
			}
		}
		s := report.Storages[0]
		if s.Green || !slices.Contains(codes(s), "state") {
			t.Errorf("red for %v", codes(s))
		}
		return s
	}
	if s := pass(); task(t, s, keeper.TaskProve).Outcome != keeper.Proved || task(t, s, keeper.TaskDrill).Outcome != keeper.Proved {
		t.Errorf("tasks %+v", s.Tasks)
	}
	remount("size=32m", 0)
	w.advance(time.Hour)
	green(t, w.pass())
	remount("size=32m", syscall.MS_RDONLY)
	if s := pass(); task(t, s, keeper.TaskHistory).Outcome != keeper.Proved {
		t.Errorf("tasks %+v", s.Tasks)
	}
	if err := w.keeper().Acknowledge("web1", "all", "ann", ""); err == nil {
		t.Error("acknowledged where nothing can be written")
	}
	remount("size=32m", 0)
	w.advance(time.Hour)
	green(t, w.pass())
}
