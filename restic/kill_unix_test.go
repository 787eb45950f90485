//go:build unix

package restic

import (
	"bufio"
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

const (
	childRepo   = "RWM_RESTIC_TEST_REPOSITORY"
	childSource = "RWM_RESTIC_TEST_SOURCE"
	childLocks  = "RWM_RESTIC_TEST_LOCKS"
)

func init() {
	children["backup"] = func() {
		ctx := context.Background()
		s, err := Open(ctx, Local(os.Getenv(childRepo)), testPassword, WithoutCache(), WithLockDir(os.Getenv(childLocks)))
		if err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString("ready\n")
		for {
			if _, err := s.Backup(ctx, BackupOptions{Paths: []string{os.Getenv(childSource)}, Force: true}); err != nil {
				panic(err)
			}
		}
	}
}

// A killed process leaves its lock behind. The next run on the same host does without
// help, an exclusive one included, and the repository is sound.
func TestKilledBackup(t *testing.T) {
	harness.NotShort(t)
	s, loc := initLocal(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for i := range 40 {
		files[string(rune('a'+i))] = noise(1<<18, uint64(i)+1)
	}
	dir, locksDir := writeTree(t, files), t.TempDir()
	for range 5 {
		cmd := child(t, "backup", childRepo+"="+loc.String(), childSource+"="+dir, childLocks+"="+locksDir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		time.Sleep(250*time.Millisecond + rand.N(300*time.Millisecond)) // past the pause that taking a lock needs
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		locked := len(objects(t, loc, "locks"))

		if s, err = Open(t.Context(), loc, testPassword, WithoutCache(), WithLockDir(locksDir)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, Prune: &PruneOptions{}}); err != nil {
			t.Fatalf("%d locks were left by the killed process: %v", locked, err)
		}
		mustBackup(t, s, dir)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		mustBeSound(t, loc)
	}
	if left := objects(t, loc, "locks"); len(left) > 0 {
		t.Error("locks left:", left)
	}
}
