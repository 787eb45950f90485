//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/restic"
)

// limits prints what the mount cannot be faster than on this machine: the same bytes
// fetched, decrypted and verified with no file system in between, and a find for
// which the mounting process has everything in memory.
func (l *lab) limits(ctx context.Context) error {
	fmt.Println("What bounds it here:")
	big, err := l.repository(ctx, "big")
	if err != nil {
		return err
	}
	if err := l.median(func() (time.Duration, error) { return l.fetch(ctx, big) }, "%d MiB fetched, decrypted and verified, and no file system", l.big); err != nil {
		return err
	}
	many, err := l.repository(ctx, "many")
	if err != nil {
		return err
	}
	inMemory := workload{work: find, prep: func(ctx context.Context, snapshots []string) error {
		if err := find(ctx, snapshots); err != nil {
			return err
		}
		// The kernel forgets its names and attributes: it has to ask again.
		return os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0)
	}}
	return l.median(func() (time.Duration, error) {
		s, err := l.run(ctx, many, inMemory, l.startOurs)
		return s.took, err
	}, "find of %d files that the mounting process has in memory", l.files)
}

func (l *lab) median(measure func() (time.Duration, error), format string, args ...any) error {
	var all []sample
	for range l.rounds {
		took, err := measure()
		if err != nil {
			fmt.Printf("  "+format+": not measured: %v\n", append(args, err)...)
			return nil
		}
		all = append(all, sample{took: took})
	}
	fmt.Printf("  "+format+": %v\n", append(args, median(all).took.Round(time.Millisecond))...)
	return nil
}

// fetch reads all blobs of the big file, and nothing else.
func (l *lab) fetch(ctx context.Context, from repository) (time.Duration, error) {
	client, err := newClient(l.s3.URL)
	if err != nil {
		return 0, err
	}
	s, err := restic.Open(ctx, restic.S3(client, from.bucket, ""), password, restic.WithoutCache())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	snapshot, _, err := s.FindSnapshot(ctx, from.snapshots[0], restic.SnapshotFilter{})
	if err != nil {
		return 0, err
	}
	r, err := s.Reader(ctx)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	node, err := nodeAt(ctx, r, snapshot.Tree, path.Join(from.folder, "big"))
	if err != nil {
		return 0, err
	}
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Connections())
	for _, run := range runs(r, node.Content, 8<<20) {
		g.Go(func() error { return load(gctx, r, run) })
	}
	err = g.Wait()
	return time.Since(began), err
}

func nodeAt(ctx context.Context, r *restic.Reader, tree restic.ID, name string) (node restic.TreeNode, err error) {
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		raw, err := r.LoadBlob(ctx, restic.BlobHandle{Type: restic.BlobTree, ID: tree})
		if err != nil {
			return node, err
		}
		nodes, err := restic.DecodeTree(raw)
		if err != nil {
			return node, err
		}
		for _, n := range nodes {
			if n.Name == part {
				node = n
			}
		}
		if node.Subtree != nil {
			tree = *node.Subtree
		}
	}
	return node, nil
}

// placed is a blob and where it is.
type placed struct {
	handle restic.BlobHandle
	restic.BlobPlace
}

// runs cuts blobs into what lies together in a pack, up to size bytes.
func runs(r *restic.Reader, ids []restic.ID, size uint) (all [][]placed) {
	for _, id := range ids {
		h := restic.BlobHandle{Type: restic.BlobData, ID: id}
		b := placed{h, r.Places(h)[0]}
		if n := len(all) - 1; n >= 0 {
			first, last := all[n][0], all[n][len(all[n])-1]
			if last.Pack == b.Pack && last.Offset+last.Length == b.Offset && b.Offset+b.Length-first.Offset <= size {
				all[n] = append(all[n], b)
				continue
			}
		}
		all = append(all, []placed{b})
	}
	return all
}

func load(ctx context.Context, r *restic.Reader, run []placed) error {
	first, last := run[0], run[len(run)-1]
	return r.LoadRange(ctx, restic.BlobData, first.Pack, first.Offset, last.Offset+last.Length-first.Offset, func(rd io.Reader) error {
		var buf []byte
		for _, b := range run {
			if uint(cap(buf)) < b.Length {
				buf = make([]byte, b.Length)
			}
			if _, err := io.ReadFull(rd, buf[:b.Length]); err != nil {
				return err
			}
			if _, err := r.Open(b.handle, b.BlobPlace, buf[:b.Length], func(n int) []byte { return make([]byte, n) }); err != nil {
				return err
			}
		}
		return nil
	})
}
