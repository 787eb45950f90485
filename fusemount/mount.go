//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/cesnet/rwm/restic"
)

// FileSystem is a mounted repository.
type FileSystem struct {
	dir    string
	server *fuse.Server
	m      *mount
	reader *restic.Reader
	life   context.Context // ends with Close, or if it does not become ready
	end    context.CancelFunc
	stop   func() bool

	unmount sync.Mutex
	free    chan struct{} // the directory is free
	result  Result
	failed  error
	closing sync.Once
}

// mount is what the inodes share.
type mount struct {
	opts  Options
	log   *slog.Logger
	owner fuse.Owner
	began time.Time

	ready    chan struct{} // what follows is set, or readyErr is
	readyErr error

	loader    *loader
	look      lookahead
	sequences sequences
	snapshots snapshots
	entries   entryLimit
}

// Mount shows the snapshots of an open repository in an empty directory: see the
// package's documentation. When ctx ends it is unmounted.
//
// It returns as soon as the directory is mounted. Ready waits until the file system can
// be used; until then, requests wait. The error wraps ErrNoFUSE, or ErrMountpoint if
// the directory is unsuitable. A mount that a killed process left there is cleaned up.
//
// The file system uses the session, and holds its shared lock (see
// restic.Session.Reader), until its Close.
func Mount(ctx context.Context, s *restic.Session, dir string, opts Options) (*FileSystem, error) {
	if s.Location() == nil {
		return nil, fmt.Errorf("mounting on %s: no session is given", dir)
	}
	opts, err := opts.complete()
	if err != nil {
		return nil, fmt.Errorf("mounting on %s: %w", dir, err)
	}
	if err := available(opts); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // or it would be mounted, and unmounted at once
		return nil, fmt.Errorf("mounting on %s: %w", dir, err)
	}
	path, err := prepare(dir, s.Location(), opts.Logger)
	if err != nil {
		return nil, err
	}
	m := newMount(opts)
	server, err := fs.Mount(path, newNamesDir(m, ""), m.fuseOptions(s.ID()))
	if err != nil {
		return nil, fmt.Errorf("mounting on %s: %w", dir, explain(err))
	}
	f := &FileSystem{dir: path, server: server, m: m, free: make(chan struct{})}
	f.life, f.end = context.WithCancel(context.WithoutCancel(ctx))
	go f.watch()
	go f.load(s)
	f.stop = context.AfterFunc(ctx, func() {
		if _, err := f.Unmount(); err != nil {
			f.unmount.Lock()
			defer f.unmount.Unlock()
			f.ended(Result{}, err)
		}
	})
	return f, nil
}

// load makes the file system ready.
func (f *FileSystem) load(s *restic.Session) {
	m := f.m
	err := func() (err error) {
		if f.reader, err = s.Reader(f.life); err != nil {
			return err
		}
		m.loader = newLoader(f.reader, m.log, m.opts.CacheSize, m.opts.ReadTimeout)
		m.snapshots.list = func(ctx context.Context) ([]restic.Snapshot, error) {
			ctx, end := f.whileOpen(ctx)
			defer end()
			return s.Snapshots(ctx, m.opts.Filter)
		}
		m.snapshots.grown = func(ctx context.Context) error {
			ctx, end := f.whileOpen(ctx)
			defer end()
			return f.reader.Refresh(ctx)
		}
		_, err = m.snapshots.current(f.life)
		return err
	}()
	if err != nil {
		m.readyErr = fmt.Errorf("mounting on %s: %w", f.dir, err)
	}
	close(m.ready)
	if err != nil {
		f.fail(m.readyErr)
	}
}

// whileOpen returns a context that also ends with the file system: Close waits for what
// is loaded.
func (f *FileSystem) whileOpen(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(f.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// fail unmounts a file system that did not become ready.
func (f *FileSystem) fail(err error) {
	f.unmount.Lock()
	defer f.unmount.Unlock()
	r, failed := unmount(f.dir)
	f.ended(r, errors.Join(err, failed))
}

// errNotMounted is the error of a FileSystem that Mount did not return.
var errNotMounted = errors.New("nothing was mounted")

// Ready waits until the file system can be used. If it never can be, it is unmounted
// and the error says why.
func (f *FileSystem) Ready(ctx context.Context) error {
	if f == nil || f.m == nil {
		return errNotMounted
	}
	select {
	case <-f.m.ready:
		return f.m.readyErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newMount(opts Options) *mount {
	m := &mount{opts: opts, log: opts.Logger, began: time.Now(), ready: make(chan struct{})}
	m.look.m = m
	m.entries.most = mostKnown
	m.snapshots.opts = &m.opts
	m.snapshots.patience = 10 * time.Second
	if !opts.OwnerRoot {
		m.owner = fuse.Owner{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	}
	return m
}

// fuseOptions sets up go-fuse.
func (m *mount) fuseOptions(id string) *fs.Options {
	negative := soon
	o := &fs.Options{
		NullPermissions: true, // mode 000 is a valid mode
		NegativeTimeout: &negative,
		MountOptions: fuse.MountOptions{
			FsName:               "restic:" + id[:min(10, len(id))],
			Name:                 fsType,
			AllowOther:           m.opts.AllowOther,
			MaxBackground:        64,
			EnableSymlinkCaching: true,
			DisableSplice:        true,
			Logger:               slog.NewLogLogger(m.log.Handler(), slog.LevelWarn),
		},
	}
	if m.opts.AllowOther && !m.opts.NoDefaultPermissions {
		o.Options = append(o.Options, "default_permissions")
	}
	readOnly(&o.MountOptions)
	return o
}

// fsType is the subtype of the mount, which identifies stale ones.
const fsType = "rwm"

// explain adds advice to errors of mount(2).
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w (in a container: it needs /dev/fuse and the capability SYS_ADMIN)", err)
	case errors.Is(err, syscall.ENODEV):
		return fmt.Errorf("%w: %w: the kernel has no fuse module", ErrNoFUSE, err)
	}
	return err
}

// watch waits for the server to end: after an unmount, or when the last file of a
// detached file system is closed.
func (f *FileSystem) watch() {
	f.server.Wait()
	f.unmount.Lock()
	defer f.unmount.Unlock()
	f.ended(Result{}, nil)
}

// ended records how the mount ended, once. The caller holds unmount.
func (f *FileSystem) ended(r Result, err error) {
	select {
	case <-f.free:
	default:
		f.result, f.failed = r, err
		close(f.free)
	}
}

// Dir returns the directory, absolute and without links.
func (f *FileSystem) Dir() string {
	if f == nil {
		return ""
	}
	return f.dir
}

// Wait waits until the directory is free again, however it was unmounted, and returns
// how that went. The error is that of Ready, or the reason why it could not be
// unmounted when the context of Mount ended.
func (f *FileSystem) Wait() (Result, error) {
	if f == nil || f.m == nil {
		return Result{}, errNotMounted
	}
	<-f.free
	return f.result, f.failed
}

// Unmount frees the directory. A file system that is in use is detached: see Result.
// Unmounting again does nothing.
func (f *FileSystem) Unmount() (Result, error) {
	if f == nil || f.m == nil {
		return Result{}, errNotMounted
	}
	f.unmount.Lock()
	defer f.unmount.Unlock()
	select {
	case <-f.free:
		return f.result, nil
	default:
	}
	r, err := unmount(f.dir)
	if err != nil {
		// nothing has changed, and the caller may retry
		return r, fmt.Errorf("unmounting %s: %w; try: umount -l %s", f.dir, err, f.dir)
	}
	f.ended(r, nil)
	if r.Lazy {
		f.m.log.Warn("unmounted while in use", "dir", f.dir, "holders", r.Holders)
	}
	return r, nil
}

// Close unmounts, cuts off open files (reads fail with an input/output error) and
// releases the session.
func (f *FileSystem) Close() error {
	if f == nil || f.m == nil {
		return errNotMounted
	}
	_, err := f.Unmount()
	f.closing.Do(func() {
		f.stop()
		f.end()
		<-f.m.ready
		if f.m.loader != nil {
			f.m.loader.close()
		}
		if f.reader != nil {
			err = errors.Join(err, f.reader.Close())
		}
	})
	return err
}
