package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// grown makes a repository with several snapshots of which the older ones hold data the
// newest one does not use.
func grown(t testing.TB) (s *Session, loc Location, dir string) {
	t.Helper()
	s, loc = initLocal(t)
	dir = writeTree(t, map[string]string{"stays": noise(2<<20, 7)})
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(dir, "changes"), []byte(noise(3<<20, uint64(100+i))), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("small", i)), []byte(noise(1000, uint64(i))), 0o600); err != nil {
			t.Fatal(err)
		}
		backupAt(t, s, time.Now().Add(time.Duration(i-10)*time.Hour), "alpha", nil, dir)
	}
	return s, loc, dir
}

func TestForgetAndPruneLeaveAWorkingSession(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir := grown(t)
	before := len(objects(t, loc, "data"))
	res, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, Prune: &PruneOptions{MaxUnused: UnusedPercent(0)}})
	if err != nil {
		t.Fatal(err)
	}
	p := res.Prune
	if p == nil || p.Packs.Remove == 0 || p.FreedBytes() < 9<<20 || p.UnusedBytesAfter() != 0 {
		t.Errorf("result %+v", p)
	}
	if after := len(objects(t, loc, "data")); after >= before {
		t.Errorf("%d packs before, %d after", before, after)
	}
	// the same session goes on: it must not trust the index it had
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Host: "alpha"}); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: "latest:" + filepath.ToSlash(dir), Target: target, Verify: true}); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, dir, target)
	if _, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cli.MustRun(t, cliRepo(t, loc), "check", "--read-data")
}

func TestPruneCountsAsRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, _ := grown(t)
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Forget(t.Context(), ForgetOptions{Filter: SnapshotFilter{IDs: []string{list[0].ID.String(), list[2].ID.String()}}}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		o    PruneOptions
	}{
		{nil, PruneOptions{}},
		{[]string{"--max-unused", "0"}, PruneOptions{MaxUnused: UnusedBytes(0)}},
		{[]string{"--max-unused", "unlimited"}, PruneOptions{MaxUnused: UnusedUnlimited()}},
		{[]string{"--max-unused", "90%"}, PruneOptions{MaxUnused: UnusedPercent(90)}},
		{[]string{"--max-unused", "0", "--max-repack-size", "0"}, PruneOptions{MaxUnused: UnusedBytes(0), MaxRepack: AtMost(0)}},
		{[]string{"--max-unused", "0", "--repack-cacheable-only"}, PruneOptions{MaxUnused: UnusedBytes(0), RepackCacheableOnly: true}},
		{[]string{"--repack-smaller-than", "8M"}, PruneOptions{RepackSmallerThan: 8 << 20}},
	} {
		out := string(cli.MustRun(t, cliRepo(t, loc), append([]string{"prune", "--no-lock", "--dry-run", "-v"}, tc.args...)...).Stdout)
		tc.o.DryRun = true
		r, err := s.Prune(t.Context(), tc.o)
		if err != nil {
			t.Errorf("%v: %v", tc.args, err)
			continue
		}
		for label, want := range map[string]uint{
			`used: +(\d+) blobs`:           r.Blobs.Used,
			`unused: +(\d+) blobs`:         r.Blobs.Unused,
			`to repack: +(\d+) blobs`:      r.Blobs.Repack,
			`this removes: +(\d+) blobs`:   r.Blobs.Repackrm,
			`to delete: +(\d+) blobs`:      r.Blobs.Remove,
			`totally used packs: +(\d+)`:   r.Packs.Used,
			`partly used packs: +(\d+)`:    r.Packs.PartlyUsed,
			`unused packs: +(\d+)`:         r.Packs.Unused,
			`to keep: +(\d+) packs`:        r.Packs.Keep,
			`to repack: +(\d+) packs`:      r.Packs.Repack,
			`(?m)^to delete: +(\d+) packs`: r.Packs.Remove,
		} {
			m := regexp.MustCompile(`(?m)^` + label).FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("no %q in\n%s", label, out)
			}
			if got, _ := strconv.Atoi(m[1]); uint(got) != want {
				t.Errorf("%v: %s: restic %d, here %d", tc.args, label, got, want)
			}
		}
	}
	if n := len(objects(t, loc, "index")); n == 0 {
		t.Error("a dry run removed the index")
	}
}

// TestPruneNeverTouchesADamagedRepository damages what prune must know and looks that
// every pack is still there.
func TestPruneNeverTouchesADamagedRepository(t *testing.T) {
	s, loc, _ := grown(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(loc Location){
		"snapshot": func(loc Location) { damage(t, objects(t, loc, "snapshots")[0], flip) },
		"missing pack": func(loc Location) {
			for _, pack := range objects(t, loc, "data") {
				damage(t, pack, remove)
			}
		},
		"cut pack": func(loc Location) {
			for _, pack := range objects(t, loc, "data") {
				damage(t, pack, cut)
			}
		},
		"missing index": func(loc Location) { damage(t, objects(t, loc, "index")[0], remove) },
	} {
		bad := copyRepository(t, loc)
		spoil(bad)
		packs := strings.Join(objects(t, bad, "data"), " ")
		other := openAgain(t, bad)
		_, err := other.Prune(t.Context(), PruneOptions{MaxUnused: UnusedPercent(0)})
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v", name, err)
		}
		if now := strings.Join(objects(t, bad, "data"), " "); now != packs {
			t.Errorf("%s: packs were removed or added", name)
		}
	}
}

func TestPruneCancelled(t *testing.T) {
	s, loc, dir := grown(t)
	if _, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Prune(ctx, PruneOptions{MaxUnused: UnusedPercent(0), OnEvent: func(ev Event) {
		if p, ok := ev.(Message); ok && strings.Contains(p.Text, "repacking") {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if n := len(objects(t, loc, "locks")); n != 0 {
		t.Errorf("%d locks left", n)
	}
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Host: "alpha"}); err != nil {
		t.Error(err)
	}
	if _, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Error(err)
	}
	if _, err := s.Prune(t.Context(), PruneOptions{MaxUnused: UnusedPercent(0)}); err != nil {
		t.Error(err)
	}
}

func TestRecoverNoFreeSpaceWantsTheID(t *testing.T) {
	s, _, _ := grown(t)
	if _, err := s.Prune(t.Context(), PruneOptions{RecoverNoFreeSpace: "yes"}); err == nil || !strings.Contains(err.Error(), s.ID()) {
		t.Errorf("error %v", err)
	}
	if _, err := s.Prune(t.Context(), PruneOptions{RecoverNoFreeSpace: s.ID()}); err != nil {
		t.Error(err)
	}
	if _, err := s.Check(t.Context(), CheckOptions{}); err != nil {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "5k": 5 << 10, "5K": 5 << 10, "2M": 2 << 20, "3g": 3 << 30, "1T": 1 << 40, "7b": 7} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "k", "-1", "1.5M", "99999999T", "5kb", "0x10"} {
		if n, err := ParseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, n)
		}
	}
	for text, want := range map[string]uint64{"unlimited": 1<<64 - 1, "0%": 0, "50%": 1000, "10": 10} {
		l, err := ParseUnusedLimit(text)
		if err != nil || l.bytes(1000) != want {
			t.Errorf("%s: %d, %v", text, l.bytes(1000), err)
		}
	}
	if (UnusedLimit{}).bytes(950) != 50 {
		t.Error("the default is not 5 %")
	}
	for _, text := range []string{"", "100%", "-1%", "NaN%", "x"} {
		if _, err := ParseUnusedLimit(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
