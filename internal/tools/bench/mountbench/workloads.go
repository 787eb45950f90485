//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// workload is something people do with a mount.
type workload struct {
	name string
	goal string
	data string                                              // which repository
	prep func(ctx context.Context, snapshots []string) error // not timed
	work func(ctx context.Context, snapshots []string) error // snapshots are directories, oldest first
}

func workloads(s settings) []workload {
	cat := func(ctx context.Context, snapshots []string) error {
		return command(ctx, "cat "+filepath.Join(snapshots[0], "big")+" >/dev/null")
	}
	tar := func(ctx context.Context, snapshots []string) error {
		return command(ctx, "tar -C "+snapshots[len(snapshots)-1]+" -cf - . | cat >/dev/null")
	}
	return []workload{
		{name: fmt.Sprintf("read a file of %d MiB", s.big), goal: "8×", data: "big", work: cat},
		{name: "read it again", goal: "20×", data: "big", prep: cat, work: cat},
		{name: fmt.Sprintf("find with sizes, %d files", s.files), goal: "6×", data: "many", work: find},
		{name: fmt.Sprintf("tar of %d small files", s.small), goal: "100×", data: "small", work: tar},
		{name: "the same, in 40 generations of packs", goal: "40×", data: "generations", work: tar},
		{name: "16 parallel readers", goal: "1.7×", data: "parts", work: func(ctx context.Context, snapshots []string) error {
			g, ctx := errgroup.WithContext(ctx)
			for i := range 16 {
				g.Go(func() error { return command(ctx, fmt.Sprintf("cat %s/part%d >/dev/null", snapshots[0], i)) })
			}
			return g.Wait()
		}},
		{name: fmt.Sprintf("diff -r of two snapshots of %d files", s.small), goal: "100×", data: "small", work: func(ctx context.Context, snapshots []string) error {
			return command(ctx, "diff -r "+snapshots[0]+" "+snapshots[1])
		}},
		{name: "random 4 KiB", goal: "1.0×", data: "big", work: func(_ context.Context, snapshots []string) error {
			return randomReads(filepath.Join(snapshots[0], "big"), 1, 100)
		}},
		{name: "random 4 KiB, 16 jobs", goal: "1.5×", data: "big", work: func(ctx context.Context, snapshots []string) error {
			g, _ := errgroup.WithContext(ctx)
			for job := range 16 {
				g.Go(func() error { return randomReads(filepath.Join(snapshots[0], "big"), uint64(job), 30) })
			}
			return g.Wait()
		}},
		{name: "ready to use", goal: "1.1×", data: "big", work: nil},
	}
}

func find(ctx context.Context, snapshots []string) error {
	return command(ctx, "find "+snapshots[0]+" -printf '%s %p\\n' >/dev/null")
}

func command(ctx context.Context, line string) error {
	out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%.1000s", line, err, out)
	}
	return nil
}

// randomReads reads n times 4 KiB from places that depend on the seed alone.
func randomReads(path string, seed uint64, n int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 7))
	buf := make([]byte, 4096)
	for range n {
		if _, err := f.ReadAt(buf, r.Int64N(info.Size()/4096)*4096); err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// data makes what a repository holds, snapshot by snapshot.
func (w *world) data(name, dir string, snapshot func() error) error {
	r := rand.New(rand.NewPCG(1, 2))
	write := func(path string, size int) error {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		var seed [32]byte
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		_, err = io.CopyN(f, rand.NewChaCha8(seed), int64(size))
		return err
	}
	small := func(from, to int) error {
		for i := from; i < to; i++ {
			if err := write(fmt.Sprintf("dir%02d/file%05d", i%50, i), 1000+r.IntN(6000)); err != nil {
				return err
			}
		}
		return nil
	}
	switch name {
	case "big":
		if err := write("big", w.big<<20); err != nil {
			return err
		}
	case "parts":
		for i := range 16 {
			if err := write(fmt.Sprintf("part%d", i), w.big<<20/16); err != nil {
				return err
			}
		}
	case "many":
		for i := range w.files {
			if err := write(fmt.Sprintf("dir%03d/sub%d/file%06d", i%100, i/100%5, i), 20); err != nil {
				return err
			}
		}
	case "small":
		if err := small(0, w.small); err != nil {
			return err
		}
		if err := snapshot(); err != nil {
			return err
		}
	case "generations":
		for g := range 39 {
			if err := small(w.small*g/40, w.small*(g+1)/40); err != nil {
				return err
			}
			if err := snapshot(); err != nil {
				return err
			}
		}
		if err := small(w.small*39/40, w.small); err != nil {
			return err
		}
	default:
		return fmt.Errorf("no data called %s", strings.ToUpper(name))
	}
	return snapshot()
}
