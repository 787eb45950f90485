package keeper

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/bits"
	"math/rand/v2"
	"os"
	"path"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Drill restores files as of two moments and compares every byte with the snapshot.
func (s *managed) Drill(ctx context.Context, plan DrillPlan) (*DrillResult, error) {
	if s.cfg.sealed() {
		return nil, errNoPassword
	}
	if err := s.forgetNewest(); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(plan.Seed, 0))
	result := &DrillResult{}
	times := []time.Time{plan.Now}
	if !plan.Then.IsZero() && !plan.Then.Equal(plan.Now) {
		times = append(times, plan.Then)
	}
	views, err := s.m.ViewsAsOf(ctx, times...)
	if err != nil {
		return nil, err
	}
	for i, at := range times {
		if err := s.drillAt(ctx, views[i], i == 0, plan, rng, result); err != nil {
			return nil, fmt.Errorf("as of %s: %w", at.UTC().Format(time.RFC3339), err)
		}
		result.Moments = append(result.Moments, at)
	}
	return result, nil
}

func (s *managed) drillAt(ctx context.Context, view *s3state.View, now bool, plan DrillPlan, rng *rand.Rand, result *DrillResult) error {
	session, err := s.m.OpenView(ctx, view)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // it has only read
	snapshots, err := session.Snapshots(ctx, restic.SnapshotFilter{Latest: 1})
	if err != nil {
		return err
	}
	if len(snapshots) == 0 {
		return fmt.Errorf("there is no snapshot")
	}
	reader, err := session.Reader(ctx)
	if err != nil {
		return err
	}
	defer reader.Close() //nolint:errcheck // it has only read
	picked, err := pick(ctx, source{reader}, snapshots, plan.Files, rng)
	if err != nil {
		return err
	}
	for _, f := range picked {
		start := time.Now()
		n, err := f.restore(ctx, session, reader)
		result.Seconds += time.Since(start).Seconds()
		result.Files, result.Bytes = result.Files+1, result.Bytes+uint64(n)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			result.Failed = append(result.Failed, fmt.Sprintf("%s in snapshot %s as of %s: %v", shown(f.path),
				f.snapshot.ID.Short(), view.Time.UTC().Format(time.RFC3339), err))
		}
	}
	if now && plan.Whole > 0 {
		return s.whole(ctx, session, reader, snapshots, plan.Whole, rng, result)
	}
	return nil
}

// sample is a file to restore.
type sample struct {
	snapshot restic.Snapshot
	path     string
	node     restic.TreeNode
}

// class sorts files by size and age, in steps of a factor of 16 and 8: a drill wants
// some of each.
func (f sample) class() [2]int {
	age := max(f.snapshot.Time.Sub(f.node.ModTime).Hours()/24, 0)
	return [2]int{bits.Len64(f.node.Size) / 4, bits.Len64(uint64(age)) / 3}
}

// largestSample bounds what a single file may cost.
const largestSample = 256 << 20

// pick chooses n files of different sizes and ages. It walks down at random,
// repeatedly, so that it loads a tree for each step and not every tree there is.
func pick(ctx context.Context, src source, snapshots []restic.Snapshot, n int, rng *rand.Rand) (picked []sample, err error) {
	trees := map[restic.ID][]restic.TreeNode{}
	held := 0
	load := func(id restic.ID) ([]restic.TreeNode, error) {
		if nodes, ok := trees[id]; ok {
			return nodes, nil
		}
		nodes, err := src.Tree(ctx, id)
		if held += len(nodes); held > mostEntries {
			clear(trees)
			held = len(nodes)
		}
		trees[id] = nodes
		return nodes, err
	}
	seen, taken := map[string]bool{}, map[[2]int]int{}
	var spare []sample
	for range 20 * n {
		sn := snapshots[rng.IntN(len(snapshots))]
		at, id := "/", sn.Tree
		for depth := 0; depth < 100; depth++ {
			nodes, err := load(id)
			if err != nil {
				return nil, err
			}
			if len(nodes) == 0 {
				break
			}
			node := nodes[rng.IntN(len(nodes))]
			if node.Subtree != nil && node.Type == restic.NodeDir {
				at, id = path.Join(at, node.Name), *node.Subtree
				continue
			}
			f := sample{sn, path.Join(at, node.Name), node}
			if key := sn.ID.String() + f.path; node.Type == restic.NodeFile && node.Size <= largestSample && !seen[key] {
				seen[key] = true
				if taken[f.class()]++; taken[f.class()] == 1 && len(picked) < n {
					picked = append(picked, f)
				} else {
					spare = append(spare, f)
				}
			}
			break
		}
		if len(picked) == n {
			break
		}
	}
	return append(picked, spare[:min(len(spare), n-len(picked))]...), nil
}

// restore writes the file through a hash: its pieces must have the SHA-256 that the
// snapshot names, with nothing after them.
func (f sample) restore(ctx context.Context, session *restic.Session, reader *restic.Reader) (int64, error) {
	w := &comparing{want: f.node.Content, hash: sha256.New()}
	var total uint64
	for _, id := range f.node.Content {
		size, ok := reader.Size(restic.BlobHandle{Type: restic.BlobData, ID: id})
		if !ok {
			return 0, fmt.Errorf("part %s is missing", id.Short())
		}
		w.sizes, total = append(w.sizes, size), total+size
	}
	if total != f.node.Size { // it may have any number of parts
		return 0, fmt.Errorf("its parts have %d bytes, the snapshot says %d", total, f.node.Size)
	}
	err := session.Dump(ctx, restic.DumpOptions{Snapshot: f.snapshot.ID.String(), Path: f.path, FileOnly: true}, w)
	if err == nil {
		err = w.finish(f.node.Size)
	}
	return w.n, err
}

// comparing hashes what is written piece by piece and compares.
type comparing struct {
	want  []restic.ID
	sizes []uint64
	at    int
	in    uint64 // bytes of the present piece
	n     int64
	hash  hash.Hash
}

func (c *comparing) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if c.at == len(c.want) {
			return 0, fmt.Errorf("more came out than the snapshot has")
		}
		k := min(uint64(len(p)), c.sizes[c.at]-c.in)
		c.hash.Write(p[:k])
		c.in, c.n, p = c.in+k, c.n+int64(k), p[k:]
		if c.in == c.sizes[c.at] {
			if restic.ID(c.hash.Sum(nil)) != c.want[c.at] {
				return 0, fmt.Errorf("part %d has another content than the snapshot says", c.at+1)
			}
			c.hash.Reset()
			c.at, c.in = c.at+1, 0
		}
	}
	return total, nil
}

func (c *comparing) finish(size uint64) error {
	if c.at != len(c.want) || uint64(c.n) != size {
		return fmt.Errorf("%d bytes came out, the snapshot has %d", c.n, size)
	}
	return nil
}

// whole restores the newest snapshot of some small backup with everything in it.
func (s *managed) whole(ctx context.Context, session *restic.Session, reader *restic.Reader, snapshots []restic.Snapshot, most int64, rng *rand.Rand, result *DrillResult) error {
	sn, err := small(ctx, source{reader}, reader.Size, snapshots, uint64(most), rng)
	if err != nil || sn == nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	target, err := os.MkdirTemp(s.dir, "restore-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(target) //nolint:errcheck // the next drill has a directory of its own
	start := time.Now()
	res, err := session.Restore(ctx, restic.RestoreOptions{Snapshot: sn.ID.String(), Target: target, Verify: true})
	if ctx.Err() != nil {
		return err
	}
	result.Whole = sn.ID.String()
	if err != nil {
		result.Failed = append(result.Failed, fmt.Sprintf("snapshot %s as a whole: %v", sn.ID.Short(), err))
	} else {
		result.Files, result.Bytes = result.Files+int(res.FilesVerified), result.Bytes+res.BytesRestored
		result.Seconds += time.Since(start).Seconds()
	}
	return nil
}
