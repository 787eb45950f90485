package histories

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// deed is something that hosts or the admin do in honest use.
type deed struct {
	name   string
	weight int
	do     func(w *world) error
}

var deeds = []deed{
	{"backup", 8, backup},
	{"two backups at once", 2, twoBackups},
	{"backup during which another host saves a state", 1, stateDuringBackup},
	{"backup with requests that are repeated", 2, retriedBackup},
	{"killed run", 3, killedRun},
	{"restic command", 1, command},
	{"forget", 2, forget(false)},
	{"forget and prune", 3, forget(true)},
	{"prune", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.Prune(w.ctx, restic.PruneOptions{MaxUnused: restic.UnusedLimit{}})
			return err
		})
	}},
	{"repack", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.Prune(w.ctx, restic.PruneOptions{RepackSmallerThan: 1 << 20})
			return err
		})
	}},
	{"tag", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.Tag(w.ctx, restic.TagOptions{Add: []string{fmt.Sprint("tag", w.r.IntN(9))}})
			return err
		})
	}},
	{"rewrite", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.Rewrite(w.ctx, restic.RewriteOptions{NewHost: "renamed", Forget: w.r.IntN(2) == 0})
			return err
		})
	}},
	{"repair index", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.RepairIndex(w.ctx, restic.RepairIndexOptions{ReadAllPacks: w.r.IntN(2) == 0})
			return err
		})
	}},
	{"repair snapshots", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.RepairSnapshots(w.ctx, restic.RepairSnapshotsOptions{Forget: true})
			return err
		})
	}},
	{"migrate", 1, migrate},
	{"key add", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.AddKey(w.ctx, one(w, []string{w.password, "of another person"}), restic.KeyOptions{})
			return err
		})
	}},
	{"key remove", 1, keyRemove},
	{"key passwd", 1, func(w *world) error {
		next := fmt.Sprint("password ", w.r.IntN(1000))
		err := w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.ChangePassword(w.ctx, next, restic.KeyOptions{})
			return err
		})
		w.password = next
		return err
	}},
	{"stray file", 1, func(w *world) error {
		w.put(w.admin, one(w, []string{"README.txt", "notes/2026", "data/notes.txt", "backup.sh"}), w.bytes(40))
		return nil
	}},
	{"old versions of locks removed", 1, locksExpire},
	{"the same bytes again", 1, sameAgain},
	{"old versions removed", 1, versionsExpire},
	{"old states removed by the host", 1, func(w *world) error {
		for _, key := range some(w, w.keys("rwm/state_")) {
			w.remove(key)
		}
		return nil
	}},
	{"drop versions", 2, drop},
	{"drop versions of a full bucket", 1, dropWhenFull},
	{"drop versions during a backup", 1, dropDuringBackup},
	{"run while a state is saved", 2, runDuringState},
	{"import of old data", 1, importOld},
	{"recover", 1, func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			_, err := s.Recover(w.ctx, restic.RecoverOptions{})
			return err
		})
	}},
	{"accident and repair", 1, accident},
}

func backup(w *world) error { return w.backup(one(w, w.hosts), through{}) }

func (w *world) backup(h *host, via through) error {
	w.change(h)
	return w.with(h, via, func(s *restic.Session) error {
		res, err := s.Backup(w.ctx, restic.BackupOptions{Paths: []string{h.dir}, NoScan: true})
		if err != nil {
			return err
		}
		return w.remember(h, s, res.SnapshotID)
	})
}

func (w *world) saveState(h *host) error {
	_, err := w.of(h, through{}).Storage().Save(w.ctx, w.bucket, s3state.CaptureOptions{})
	return err
}

func twoBackups(w *world) error {
	a, b := w.hosts[0], w.hosts[len(w.hosts)-1]
	if a == b {
		return w.backup(a, through{})
	}
	w.change(a)
	w.change(b)
	var group errgroup.Group
	var mu sync.Mutex
	for _, h := range []*host{a, b} {
		group.Go(func() error {
			return w.with(h, through{}, func(s *restic.Session) error {
				res, err := s.Backup(w.ctx, restic.BackupOptions{Paths: []string{h.dir}, NoScan: true})
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				return w.remember(h, s, res.SnapshotID)
			})
		})
	}
	return group.Wait()
}

// on does something once, before the nth request with a method and a part of a path.
type on struct {
	base         http.RoundTripper
	method, part string
	after        atomic.Int32
	do           func() error
	once         sync.Once
	dead         atomic.Bool
	err          error
}

var errKilled = errors.New("killed")

func (o *on) RoundTrip(req *http.Request) (*http.Response, error) {
	if o.dead.Load() {
		return nil, errKilled
	}
	if (o.method == "" || req.Method == o.method) && strings.Contains(req.URL.Path, o.part) && o.after.Add(-1) < 0 {
		o.once.Do(func() { o.err = o.do() })
		if o.dead.Load() {
			return nil, errKilled
		}
	}
	return o.base.RoundTrip(req)
}

func stateDuringBackup(w *world) error {
	h, other := one(w, w.hosts), one(w, w.hosts)
	hook := &on{base: w.base, method: http.MethodPut, part: one(w, []string{"/data/", "/index/", "/snapshots/"}), do: func() error { return w.saveState(other) }}
	return errors.Join(w.backup(h, through{rt: hook}), hook.err)
}

func retriedBackup(w *world) error {
	faults := &s3test.Faults{Base: w.base}
	for _, part := range some(w, []string{"/data/", "/index/", "/snapshots/", "/locks/"}) {
		faults.Inject(s3test.Fault{
			Method: one(w, []string{"PUT", "PUT", "DELETE", "GET"}), Path: part,
			Kind: one(w, []s3test.Kind{s3test.ResetAfter, s3test.Reset, s3test.Status}), Times: 1,
		})
	}
	return w.backup(one(w, w.hosts), through{rt: faults})
}

// killedRun ends in the middle of a run, for which the host later removes the lock.
func killedRun(w *world) error {
	h := one(w, w.hosts)
	ctx, kill := context.WithCancel(w.ctx)
	defer kill()
	hook := &on{base: w.base, method: one(w, []string{"", http.MethodPut, http.MethodDelete, http.MethodPost}), part: "/" + w.bucket}
	hook.do = func() error { hook.dead.Store(true); kill(); return nil }
	hook.after.Store(int32(w.r.IntN(25)))
	pruned := w.r.IntN(2) == 0
	s, err := w.of(h, through{rt: hook, opts: []restic.Option{restic.WithRetryFor(0)}}).OpenRepository(ctx, restic.WithHostname(h.name))
	if err == nil {
		if pruned {
			_, err = s.Forget(ctx, restic.ForgetOptions{Policy: restic.Policy{Last: 1 + w.r.IntN(2)}, Prune: &restic.PruneOptions{RepackSmallerThan: 1 << 20}})
		} else {
			w.change(h)
			var res *restic.BackupResult
			res, err = s.Backup(ctx, restic.BackupOptions{Paths: []string{h.dir}, NoScan: true})
			if err == nil && !hook.dead.Load() {
				err = w.remember(h, s, res.SnapshotID)
			}
		}
		_ = s.Close()
	}
	w.note("   prune: %v, ended with %v", pruned, err)
	w.pass(one(w, []time.Duration{time.Second, 5 * time.Minute, time.Hour}))
	return w.with(h, through{}, func(s *restic.Session) error {
		_, err := s.Unlock(w.ctx, restic.UnlockOptions{RemoveAll: true})
		return err
	})
}

// command is the restic command of another host.
func command(w *world) error {
	if w.r.IntN(harness.Size(3, 1)) > 0 {
		return w.backup(one(w, w.hosts), through{})
	}
	h, cli := one(w, w.hosts), resticcli.Current(w)
	repo := resticcli.Repo{
		URL: "s3:" + w.srv.URL + "/" + w.bucket, Password: w.password,
		AccessKey: w.srv.Host.AccessKey, SecretKey: w.srv.Host.SecretKey,
	}
	at := w.now().Add(h.skew).Local().Format("2006-01-02 15:04:05")
	w.change(h)
	args := one(w, [][]string{
		{"-q", "backup", "--no-scan", "--host", h.name, "--time", at, h.dir},
		{"-q", "backup", "--no-scan", "--host", h.name, "--time", at, h.dir},
		{"-q", "forget", "--keep-last", "2", "--prune"}, {"-q", "prune", "--max-unused", "0"},
		{"-q", "repair", "index"}, {"-q", "tag", "--add", "command"},
	})
	w.note("   restic %s", strings.Join(args, " "))
	if res := cli.Run(w, repo, args...); res.Code != 0 {
		return fmt.Errorf("restic %v: %d %s%s", args, res.Code, res.Stdout, res.Stderr)
	}
	if args[1] != "backup" {
		return nil
	}
	return w.with(h, through{}, func(s *restic.Session) error {
		sn, _, err := s.FindSnapshot(w.ctx, "latest", restic.SnapshotFilter{Hosts: []string{h.name}})
		if err != nil {
			return err
		}
		return w.remember(h, s, sn.ID)
	})
}

func forget(prune bool) func(*world) error {
	return func(w *world) error {
		return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
			o := restic.ForgetOptions{Policy: one(w, []restic.Policy{{Last: 1}, {Last: 2}, {Hourly: 2}, {Daily: 1, Last: 1}, {Within: restic.Duration{Hours: 3}}})}
			if prune {
				o.Prune = &restic.PruneOptions{}
			}
			_, err := s.Forget(w.ctx, o)
			return err
		})
	}
}

func migrate(w *world) error {
	return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
		if s.Version() > 1 {
			return nil
		}
		w.truth.migrated = true
		return s.Migrate(w.ctx, "upgrade_repo_v2", restic.MigrateOptions{})
	})
}

func keyRemove(w *world) error {
	return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
		keys, err := s.Keys(w.ctx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.ID != s.KeyID() {
				_, err := s.RemoveKey(w.ctx, k.ID.String())
				return err
			}
		}
		return nil
	})
}

// sameAgain writes an object again with the bytes it has, in one of the ways there are.
func sameAgain(w *world) error {
	keys := append(append(w.keys("data/"), w.keys("index/")...), w.keys("snapshots/")...)
	if len(keys) == 0 {
		return nil
	}
	key := one(w, keys)
	if s3state.TypeOf(key) == s3state.TypeOther {
		return nil
	}
	body := w.get(key)
	switch client := one(w, []*minio.Client{w.raw, w.admin}); w.r.IntN(3) {
	case 0:
		w.put(client, key, body)
	case 1:
		w.multipart(client, key, body)
	default:
		_, err := w.admin.CopyObject(w.ctx, minio.CopyDestOptions{Bucket: w.bucket, Object: key, ReplaceMetadata: true, UserMetadata: map[string]string{"copied": "yes"}},
			minio.CopySrcOptions{Bucket: w.bucket, Object: key})
		return err
	}
	return nil
}
