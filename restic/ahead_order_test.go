package restic

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// pausedTrees are trees whose loading ends when the test says so.
type pausedTrees struct {
	raw     map[engrestic.ID][]byte
	names   map[engrestic.ID]string
	started chan string
	release map[string]chan struct{}
}

func (h *pausedTrees) LoadBlob(ctx context.Context, _ engrestic.BlobType, id engrestic.ID, _ []byte) ([]byte, error) {
	h.started <- h.names[id]
	select {
	case <-h.release[h.names[id]]:
		return h.raw[id], nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tree adds a tree with directories that lead to the given trees.
func (h *pausedTrees) tree(name string, below ...engrestic.ID) engrestic.ID {
	text := `{"nodes":[`
	for i, id := range below {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(`{"name":"%d","type":"dir","mode":2147484141,"subtree":"%s"}`, i, id)
	}
	text += "]}\n"
	if len(below) == 0 {
		text = fmt.Sprintf(`{"nodes":[{"name":%q,"type":"file","mode":420,"content":null}]}`+"\n", name)
	}
	id := engrestic.Hash([]byte(text))
	h.raw[id], h.names[id], h.release[name] = []byte(text), name, make(chan struct{})
	return id
}

// Trees are loaded in the order of the walk, not in that in which they are found: those
// of the second snapshot wait for those of the first.
func TestTreesAreLoadedInTheOrderOfTheWalk(t *testing.T) {
	h := &pausedTrees{map[engrestic.ID][]byte{}, map[engrestic.ID]string{}, make(chan string, 8), map[string]chan struct{}{}}
	first := h.tree("first", h.tree("1a"), h.tree("1b"))
	second := h.tree("second", h.tree("2a"), h.tree("2b"))
	ctx, end := context.WithCancel(t.Context())
	ahead := &treeAhead{ctx: ctx, repo: h, limit: 2, trees: make(map[engrestic.ID]*aheadTree)}
	defer func() { end(); ahead.wait() }()
	next := func() string {
		select {
		case name := <-h.started:
			return name
		case <-time.After(30 * time.Second):
			return "nothing"
		}
	}
	ahead.begin(engrestic.IDs{first, second})
	both := []string{next(), next()}
	slices.Sort(both)
	got := []string{both[0], both[1]}
	for _, name := range []string{"first", "second", "1a", "1b"} {
		close(h.release[name])
		got = append(got, next())
	}
	if want := []string{"first", "second", "1a", "1b", "2a", "2b"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
