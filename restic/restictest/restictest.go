// Package restictest helps the tests of programs that use package restic: a repository
// in memory, with keys that are cheap to derive. It is for tests only; a repository
// made after CheapKeys protects nothing.
package restictest

import (
	"sync"
	"testing"

	engrepository "github.com/restic/restic/rwmlink/repository"

	"github.com/cesnet/rwm/restic"
)

// Password opens the repositories of New.
const Password = "restictest"

var cheap sync.Once

// CheapKeys makes the keys of repositories that this process makes from now on cheap to
// derive, for the rest of the process: opening one takes microseconds instead of half a
// second. Call it before any other use of package restic, in TestMain for instance.
func CheapKeys(t testing.TB) {
	cheap.Do(func() { engrepository.TestUseLowSecurityKDFParameters(logger{t}) })
}

type logger struct{ testing.TB }

func (l logger) Logf(format string, args ...interface{}) {
	if l.TB != nil {
		l.Helper()
		l.TB.Logf(format, args...)
	}
}

// New makes a repository in memory, with cheap keys and without a cache, and opens it.
// It is closed when the test ends. Open the location again for a second session.
func New(t testing.TB, opts ...restic.Option) (*restic.Session, restic.Location) {
	t.Helper()
	CheapKeys(t)
	loc := restic.Memory()
	s, err := restic.Init(t.Context(), loc, Password, append([]restic.Option{restic.WithoutCache()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, loc
}
