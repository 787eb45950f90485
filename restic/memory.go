package restic

import (
	"context"
	"fmt"
	"sync/atomic"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engmem "github.com/restic/restic/rwmlink/mem"
)

// Memory is a repository in memory, for the tests of programs that use this package. It
// is gone with the returned value; sessions opened on the same value share it. Package
// restictest makes such tests fast.
func Memory() Location {
	return &memoryLocation{number: memories.Add(1), be: engmem.New()}
}

// memories only numbers the repositories in messages.
var memories atomic.Int64

type memoryLocation struct {
	number int64
	be     engbackend.Backend
}

func (l *memoryLocation) String() string { return fmt.Sprintf("memory:%d", l.number) }

func (l *memoryLocation) backend(context.Context, *options, bool) (engbackend.Backend, error) {
	return keptOpen{l.be}, nil
}

// keptOpen outlives the sessions that use it.
type keptOpen struct{ engbackend.Backend }

func (keptOpen) Close() error { return nil }

func (k keptOpen) Unwrap() engbackend.Backend { return k.Backend }
