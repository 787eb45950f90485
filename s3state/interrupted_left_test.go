package s3state

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/internal/reqctx"
)

// changing are the operations that change a bucket, each prepared anew.
var changing = []struct {
	name string
	// prepare returns the call, and what it leaves when it succeeds.
	prepare func(t *testing.T, base *world) (run func(ctx context.Context, s *Store) error, check func() error)
	slow    bool
	reads   bool // it changes nothing in a bucket like saved's: one serves for all
}{
	{"create", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := *base
		w.bucket = w.srv.Bucket(t)
		return func(ctx context.Context, s *Store) error {
			_, err := s.Create(ctx, w.bucket, w.srv.Host.Name, CreateOptions{Sealed: true})
			return err
		}, w.policed(t)
	}, false, false},
	{"delete", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := base.another(t)
		fill(w)
		return func(ctx context.Context, s *Store) error {
				_, err := s.Delete(ctx, w.bucket, DeleteOptions{})
				return err
			}, func() error {
				if found, err := w.admin.exists(t.Context(), w.bucket); err != nil || found {
					return errors.Join(err, errors.New("the bucket is there"))
				}
				return nil
			}
	}, false, false},
	{"drop", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := base.another(t)
		fill(w)
		w.save()
		return func(ctx context.Context, s *Store) error {
			_, err := s.DropVersions(ctx, w.bucket, DropOptions{})
			return err
		}, w.policed(t)
	}, false, false},
	{"seal", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := base.another(t)
		return func(ctx context.Context, s *Store) error {
			_, err := s.Seal(ctx, w.bucket, SealOptions{})
			return err
		}, w.policed(t)
	}, false, false},
	{"unseal", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := base.another(t)
		if _, err := w.admin.Seal(t.Context(), w.bucket, SealOptions{}); err != nil {
			t.Fatal(err)
		}
		return func(ctx context.Context, s *Store) error {
			_, err := s.Unseal(ctx, w.bucket, UnsealOptions{For: MinUnsealed})
			return err
		}, w.policed(t)
	}, false, false},
	{"adopt", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := *base
		w.t, w.ctx = t, t.Context()
		w.plain(w.admin)
		w.policy(w.open())
		return func(ctx context.Context, s *Store) error {
			_, err := s.Adopt(ctx, w.bucket, w.srv.Host.Name, AdoptOptions{})
			return err
		}, w.policed(t)
	}, false, false},
	{"restore", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		target := *base
		target.bucket = base.srv.Bucket(t)
		return func(ctx context.Context, s *Store) error {
			_, err := s.Restore(ctx, RestoreOptions{Source: base.bucket, Target: target.bucket, Moment: base.saved})
			return err
		}, target.policed(t)
	}, false, true},
	{"download", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		dir := filepath.Join(t.TempDir(), "d")
		return func(ctx context.Context, s *Store) error {
				_, err := s.Download(ctx, DownloadOptions{Source: base.bucket, Dir: dir, Moment: base.saved})
				return err
			}, func() error {
				_, err := os.Stat(filepath.Join(dir, "data/00/x"))
				return err
			}
	}, false, true},
	{"lock", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := base.another(t)
		return func(ctx context.Context, s *Store) error {
			_, err := s.LockBucket(ctx, w.bucket, LockBucketOptions{Lock: LockOptions{Days: 3}})
			return err
		}, w.policed(t)
	}, true, false},
	{"renew", func(t *testing.T, base *world) (func(context.Context, *Store) error, func() error) {
		w := base.another(t)
		fill(w)
		// As LockBucket does, without the proof that takes seconds.
		if err := errors.Join(
			w.admin.turnOnLock(t.Context(), w.bucket, Compliance, ""),
			w.admin.putRules(t.Context(), w.bucket, nil, 3),
			w.admin.putDefaultRetention(t.Context(), w.bucket, Compliance, 5),
		); err != nil {
			t.Fatal(err)
		}
		return func(ctx context.Context, s *Store) error {
			_, err := s.Renew(ctx, w.bucket, RenewOptions{})
			return err
		}, w.policed(t)
	}, false, false},
}

// withState is another bucket with a saved state in it.
func (w *world) withState(t *testing.T) *world {
	t.Helper()
	n := w.another(t)
	fill(n)
	st := n.save()
	n.saved = Moment{StateKey: st.Key, StateVersion: st.VersionID}
	return n
}

// policed returns a check of whether the bucket is as it should be.
func (w *world) policed(t *testing.T) func() error {
	return func() error {
		check, err := w.admin.CheckPolicy(t.Context(), w.bucket)
		if err == nil && !check.OK {
			err = errors.New(check.Problems[0])
		}
		return err
	}
}

// An operation that is interrupted, at whatever request, says what is left and what to
// do next.
func TestInterruptedSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	base := newWorld(t, s3test.Dialect("rgw20"))
	for _, op := range changing {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			base := base
			if op.reads {
				base = base.withState(t)
			}
			step := int64(harness.Size(2, 1))
			if op.slow {
				step *= 3
			}
			for at := int64(0); ; at += step {
				run, check := op.prepare(t, base)
				// as signal.NotifyContext does
				ctx, end := context.WithCancelCause(t.Context())
				cancel := func() { end(errors.New("terminated signal received")) }
				h := &hook{base: http.DefaultTransport, at: at, fn: cancel}
				w := *base
				w.t = t
				err := run(ctx, w.storeVia(w.srv.Admin, h, WithParallel(1)))
				cancel()
				if h.n.Load() <= at {
					if err != nil {
						t.Errorf("not interrupted: %v", err)
					}
					if err := check(); err != nil {
						t.Errorf("not interrupted: %v", err)
					}
					return
				}
				if err == nil {
					continue
				}
				var stopped *StepError
				var batch *BatchError
				switch {
				case errors.As(err, &stopped) && stopped.Next != "" && stopped.Bucket != "" && (stopped.Left != "" || len(stopped.Done) > 0 || stopped.Step != stepLook):
				case errors.As(err, &batch) && batch.Next != "":
				default:
					t.Errorf("at request %d: %T %v", at, err, err)
				}
				if !errors.Is(err, context.Canceled) {
					t.Errorf("at request %d: it is no cancellation: %v", at, err)
				}
			}
		})
	}
}

// asRWM is the admin's Store with a client as package rwm makes it: the client repeats
// requests by itself, and asks for the bucket's region.
func (w *world) asRWM(t *testing.T, rt http.RoundTripper) *Store {
	t.Helper()
	client, err := minio.New(w.admin.client.EndpointURL().Host, &minio.Options{
		Creds: credentials.NewStaticV4(w.srv.Admin.AccessKey, w.srv.Admin.SecretKey, ""), Transport: reqctx.RepeatLocation(rt),
		BucketLookup: minio.BucketLookupPath, MaxRetries: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return New(client, WithTransport(rt), WithRetries(3, time.Millisecond), WithParallel(1))
}

// One connection that breaks, or one bad answer, ends no operation, whichever of its
// requests it is: for a release in each way, in other runs each way at every fifth
// request, beginning with another one for each way, so that no request is left out.
func TestOneBadAnswerEndsNothing(t *testing.T) {
	t.Parallel()
	base := newWorld(t, s3test.Dialect("rgw20"))
	for _, op := range changing {
		if op.slow && !harness.All() {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			base := base
			if op.reads {
				base = base.withState(t)
			}
			survives := func(faults ...s3test.Fault) (requests []s3test.Request, err error) {
				run, check := op.prepare(t, base)
				f := &s3test.Faults{}
				for _, fault := range faults {
					f.Inject(fault)
				}
				err = run(t.Context(), base.asRWM(t, f))
				requests = f.Requests()
				if err == nil {
					err = check()
				}
				return requests, err
			}
			all, err := survives()
			if err != nil {
				t.Fatalf("without faults: %v", err)
			}
			for way, fault := range []s3test.Fault{
				{Kind: s3test.Reset}, {Kind: s3test.ResetAfter}, {Kind: s3test.Truncate},
				{Kind: s3test.ErrorIn200, Code: "InternalError"}, {Kind: s3test.Status, Status: 503, Code: "SlowDown"},
			} {
				step := harness.Size(5, 1)
				for at := way % step; at < len(all); at += step {
					fault.Path, fault.After, fault.Times = ".", at, 1
					if _, err := survives(fault); err != nil {
						t.Errorf("%s at request %d (%s %s): %v", fault.Kind, at, all[at].Method, all[at].Path, err)
					}
				}
			}
		})
	}
}
