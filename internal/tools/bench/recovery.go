package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/restic"
)

// wreckSizes are how many objects a repository has before it is destroyed.
var wreckSizes = []int{5000, 20_000}

// wreck is a destroyed repository, its last good moment, and what it takes to
// rebuild it in the way of the original RWM.
type wreck struct {
	repository
	size    int // as was asked for
	objects int
	at      string // the last good moment
	dir     string // what was backed up
	file    string // one file of it

	serial     repository    // the copy made one object at a time
	serialCopy time.Duration // it takes minutes, so it is made once
}

// recovery is the worst day: everything is overwritten and deleted. What is compared is
// the time to one file, and to all of them.
func recovery() (list []workload) {
	for _, size := range wreckSizes {
		of := fmt.Sprintf(" of a destroyed bucket of %d objects, 20 ms", size)
		list = append(list,
			workload{"first file" + of, "≥ 50× sooner", "copying one at a time, then restic", againstSerial(size, firstFile)},
			workload{"all files" + of, "sooner", "copying one at a time, then restic", againstSerial(size, allFiles)},
			workload{"first file" + of, "≥ 3× sooner", "storage-restore-state, then rwm", againstRebuilt(size, firstFile)},
			workload{"all files" + of, "sooner", "storage-restore-state, then rwm", againstRebuilt(size, allFiles)},
		)
	}
	return list
}

// firstFile and allFiles are what is asked of restic.
func firstFile(l *lab, w *wreck, side string, i int) []string {
	return []string{"dump", "latest", w.file}
}

func allFiles(l *lab, w *wreck, side string, i int) []string {
	return []string{"restore", "latest", "--target", filepath.Join(l.dir, fmt.Sprintf("back-%s-%d-%d", side, w.size, i))}
}

type question func(l *lab, w *wreck, side string, i int) []string

// againstSerial compares the view of then with the way of the original RWM: copying
// object by object, and then restic.
func againstSerial(size int, ask question) func(context.Context, *lab, int) (*pairs, error) {
	return func(ctx context.Context, l *lab, rounds int) (*pairs, error) {
		w, err := l.destroyed(ctx, size, true)
		if err != nil {
			return nil, err
		}
		return l.slow(rounds, asOfThen(ctx, l, w, ask), func(i int) error {
			return l.runRestic(ctx, w.serial, ask(l, w, "restic", i)...)
		}, w.serialCopy)
	}
}

// againstRebuilt compares it with rebuilding the bucket as fast as RWM can.
func againstRebuilt(size int, ask question) func(context.Context, *lab, int) (*pairs, error) {
	return func(ctx context.Context, l *lab, rounds int) (*pairs, error) {
		w, err := l.destroyed(ctx, size, false)
		if err != nil {
			return nil, err
		}
		return l.slow(rounds, asOfThen(ctx, l, w, ask), func(i int) error {
			l.rebuilt++
			target, err := l.configure(fmt.Sprintf("rebuilt-%d", l.rebuilt), "")
			if err != nil {
				return err
			}
			if err := l.runRwm(ctx, w.repository, "storage-restore-state", w.bucket, target.bucket, "--at", w.at); err != nil {
				return err
			}
			return l.runRwm(ctx, target, append([]string{"restic"}, ask(l, w, "rebuilt", i)...)...)
		}, 0)
	}
}

func asOfThen(ctx context.Context, l *lab, w *wreck, ask question) func(int) error {
	return func(i int) error {
		l.asked++
		return l.runRwm(ctx, w.repository, append([]string{"restic", "--at", w.at}, ask(l, w, "rwm", l.asked)...)...)
	}
}

// slow times both sides with latency and without anything cached; before is what
// had to be done before the other side could begin.
func (l *lab) slow(rounds int, ours, other func(int) error, before time.Duration) (*pairs, error) {
	if err := l.latency(networkDelay); err != nil {
		return nil, err
	}
	defer l.latency(0)
	cold := func(side func(int) error, more time.Duration) func(int) (time.Duration, error) {
		return func(i int) (time.Duration, error) {
			for _, cache := range []string{"cache-rwm", "cache-restic"} {
				if err := os.RemoveAll(filepath.Join(l.dir, cache)); err != nil {
					return 0, err
				}
			}
			d, err := timed(func() error { return side(i) })
			return d + more, err
		}
	}
	return alternate(rounds, cold(ours, 0), cold(other, before))
}

// destroyed makes the wreck when it is first asked for; rebuilt too, where one
// wants it.
func (l *lab) destroyed(ctx context.Context, size int, rebuilt bool) (*wreck, error) {
	w := l.wrecks[size]
	if w == nil {
		var err error
		if w, err = l.makeWreck(ctx, size); err != nil {
			return nil, err
		}
		if l.wrecks == nil {
			l.wrecks = make(map[int]*wreck)
		}
		l.wrecks[size] = w
	}
	if rebuilt && w.serialCopy == 0 {
		return w, l.rebuildSerially(ctx, w)
	}
	return w, nil
}

// makeWreck backs up files one by one until there are objects enough, then all of them
// together, and then overwrites and deletes everything.
func (l *lab) makeWreck(ctx context.Context, size int) (*wreck, error) {
	w := &wreck{dir: filepath.Join(l.dir, fmt.Sprint("files-", size)), size: size}
	var err error
	if w.repository, err = l.configure(fmt.Sprint("wrecked-", size), ""); err != nil {
		return nil, err
	}
	if err := l.runRwm(ctx, w.repository, "storage-create", w.bucket, "host"); err != nil {
		return nil, err
	}
	s, err := restic.Init(ctx, restic.S3(l.client, w.bucket, ""), password, restic.WithoutCache())
	if err != nil {
		return nil, err
	}
	const perBackup = 2 // a pack of data and one of trees
	for i := range size / perBackup {
		w.file = filepath.Join(w.dir, fmt.Sprint(i%40), fmt.Sprint(i))
		if err := writeRandom(w.file, 4<<10); err != nil {
			return nil, err
		}
		if _, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{w.file}, Force: true}); err != nil {
			return nil, err
		}
	}
	if _, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{w.dir}}); err != nil {
		return nil, err
	}
	// As retention leaves it: nearly all objects are packs.
	if _, err := s.Forget(ctx, restic.ForgetOptions{Policy: restic.Policy{Last: 1}, GroupBy: restic.GroupByNone}); err != nil {
		return nil, err
	}
	if _, err := s.RepairIndex(ctx, restic.RepairIndexOptions{}); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second)
	w.at = time.Now().Add(-time.Second).Format(time.RFC3339Nano)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for o := range l.client.ListObjectsIter(ctx, w.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		w.objects++
		g.Go(func() error {
			if _, err := l.client.PutObject(gctx, w.bucket, o.Key, bytes.NewReader([]byte("rubbish")), 7, minio.PutObjectOptions{}); err != nil {
				return err
			}
			return l.client.RemoveObject(gctx, w.bucket, o.Key, minio.RemoveObjectOptions{})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if w.objects < size {
		return nil, fmt.Errorf("the repository has %d objects, %d are needed", w.objects, size)
	}
	return w, nil
}

// rebuildSerially copies what was current, one object after the other.
func (l *lab) rebuildSerially(ctx context.Context, w *wreck) error {
	var err error
	if w.serial, err = l.newBucket(ctx, fmt.Sprint("serially-", w.size), ""); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, w.at)
	if err != nil {
		return err
	}
	if err := l.latency(networkDelay); err != nil {
		return err
	}
	defer l.latency(0)
	w.serialCopy, err = timed(func() error {
		done := ""
		for v := range l.client.ListObjectsIter(ctx, w.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
			if v.Err != nil {
				return v.Err
			}
			if v.Key == done || v.LastModified.After(at) {
				continue
			}
			done = v.Key // the newest version of then
			if v.IsDeleteMarker {
				continue
			}
			_, err := l.client.CopyObject(ctx, minio.CopyDestOptions{Bucket: w.serial.bucket, Object: v.Key},
				minio.CopySrcOptions{Bucket: w.bucket, Object: v.Key, VersionID: v.VersionID})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
