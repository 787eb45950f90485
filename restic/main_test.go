package restic

import (
	"os"
	"os/exec"
	"testing"
	"time"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const childEnv = "RWM_RESTIC_TEST_CHILD"

// children are what the test binary does as the child process of a test.
var children = map[string]func(){}

func TestMain(m *testing.M) {
	engrepository.TestUseLowSecurityKDFParameters(quiet{})
	engrestic.TestSetLockTimeout(quiet{}, 5*time.Millisecond)
	if run, ok := children[os.Getenv(childEnv)]; ok {
		run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child prepares a child process that runs children[kind].
func child(t testing.TB, kind string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"="+kind), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

type quiet struct{ testing.TB }

func (quiet) Logf(string, ...any) {}
