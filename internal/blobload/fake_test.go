package blobload

import (
	"errors"

	"github.com/cesnet/rwm/internal/harness/blobfake"
)

// The types of the repository in the tests.
type (
	kind  uint8
	id    [32]byte
	named handle[kind, id]
	place location[id]
)

const (
	dataKind kind = iota + 1
	treeKind
)

// fake is a repository in memory, read through an adapter.
type fake struct {
	*blobfake.Repo[kind, id, named, place]
	Adapter[kind, id, named, place]
}

func newFake() *fake {
	f := &fake{Repo: &blobfake.Repo[kind, id, named, place]{}}
	f.Adapter = Adapter[kind, id, named, place]{
		Reader: f.Repo, Data: dataKind, Tree: treeKind,
		Trees: func(named, []byte) (any, error) { return nil, blobfake.ErrDamaged },
		Wrong: func(err error) bool { return errors.Is(err, blobfake.ErrDamaged) },
	}
	return f
}

// add appends blobs to a pack.
func (f *fake) add(pack byte, blobs ...[]byte) (handles []Handle) {
	for _, h := range f.Repo.Add(pack, dataKind, blobs...) {
		handles = append(handles, Handle{ID: h.ID})
	}
	return handles
}
