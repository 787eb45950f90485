package keeper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/s3state"
)

// dying is a Storage in which one task never ends, as if the machine's memory did not
// suffice for it: the pass is killed.
type dying struct {
	Storage
	in   Task
	now  time.Time
	done *[]Task
	kill func()
}

func (s *dying) did(ctx context.Context, t Task) error {
	*s.done = append(*s.done, t)
	if t == s.in {
		s.kill()
		<-ctx.Done()
	}
	return ctx.Err()
}

func (s *dying) Survey(ctx context.Context, _ *Survey) (*Survey, error) {
	return &Survey{Fingerprint: s.now.String()}, s.did(ctx, TaskSurvey)
}

func (s *dying) Policy(ctx context.Context) (*PolicyResult, error) {
	return &PolicyResult{OK: true, Locked: true}, s.did(ctx, TaskPolicy)
}

func (s *dying) History(ctx context.Context, _ time.Time) (*HistoryResult, error) {
	return &HistoryResult{}, s.did(ctx, TaskHistory)
}

func (s *dying) Renew(ctx context.Context, _ string) (*Renewal, error) {
	return &Renewal{Kept: true}, s.did(ctx, TaskRenew)
}

func (s *dying) Close() error { return nil }

// What an attacker has a pass die of, each time at the same task, does not keep the
// locks from being renewed.
func TestRenewedThoughPassesDie(t *testing.T) {
	t.Parallel()
	for _, in := range []Task{TaskSurvey, TaskPolicy, TaskHistory} {
		t.Run(string(in), func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			cfg := &StorageConfig{Policy: Always(), History: Always(), Renew: Period(24 * time.Hour), Sensitivity: signs.Off}
			conf := &Config{StateDir: t.TempDir(), Storages: map[string]*StorageConfig{"s": cfg}}
			pass := func(in Task) (done []Task) {
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				k, err := New(conf, WithClock(func() time.Time { return now }),
					WithStorage(func(context.Context, string, *StorageConfig, http.RoundTripper) (Storage, error) {
						return &dying{in: in, now: now, done: &done, kill: kill}, nil
					}))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = k.Pass(ctx)
				now = now.Add(24 * time.Hour)
				return done
			}
			if done := pass(""); !slices.Contains(done, TaskRenew) {
				t.Fatalf("a good pass did %q", done)
			}
			renewed := 0 // the first pass dies before it
			for range 4 {
				if slices.Contains(pass(in), TaskRenew) {
					renewed++
				}
			}
			if renewed < 3 {
				t.Errorf("renewed in %d of 4 passes that died at: %s", renewed, in)
			}
			if done := pass(""); !slices.Contains(done, TaskHistory) {
				t.Errorf("a good pass afterwards did %q", done)
			}
		})
	}
}

// A storage of which passes die keeps them from no other one.
func TestPassesThatDieAtOneStorage(t *testing.T) {
	t.Parallel()
	conf := &Config{StateDir: t.TempDir(), Storages: map[string]*StorageConfig{}, Parallel: 1}
	for _, name := range []string{"a", "b", "c"} {
		conf.Storages[name] = &StorageConfig{Policy: Always(), Sensitivity: signs.Off}
	}
	for i := range 3 {
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		var visited []string
		k, err := New(conf, WithStorage(func(_ context.Context, name string, _ *StorageConfig, _ http.RoundTripper) (Storage, error) {
			if ctx.Err() == nil {
				visited = append(visited, name)
			}
			s := &dying{done: new([]Task), kill: kill}
			if name == "a" {
				s.in = TaskPolicy
			}
			return s, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = k.Pass(ctx)
		if want := []string{"b", "c", "a"}; i > 0 && !slices.Equal(visited, want) {
			t.Errorf("pass %d visited %q, not %q", i+1, visited, want)
		}
	}
}

// closed is a Storage whose policy cannot be read.
type closed struct {
	dying
	renewal error
}

func (s *closed) Policy(context.Context) (*PolicyResult, error) { return nil, s3state.ErrAccessDenied }

func (s *closed) Renew(ctx context.Context, _ string) (*Renewal, error) {
	return &Renewal{Kept: true}, errors.Join(s.renewal, s.did(ctx, TaskRenew))
}

// A keeper without a state, who may not read the bucket's policy, does not know whether
// it is locked: it renews what is.
func TestRenewedWithoutKnowingTheLock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want Outcome
	}{{nil, Proved}, {fmt.Errorf("bucket b: %w", ErrNotLocked), Proved}, {s3state.ErrAccessDenied, NotProved}} {
		var done []Task
		cfg := &StorageConfig{Policy: Always(), Renew: Period(24 * time.Hour), Sensitivity: signs.Off}
		k, err := New(&Config{StateDir: t.TempDir(), Storages: map[string]*StorageConfig{"s": cfg}},
			WithStorage(func(context.Context, string, *StorageConfig, http.RoundTripper) (Storage, error) {
				return &closed{dying{done: &done}, c.err}, nil
			}))
		if err != nil {
			t.Fatal(err)
		}
		report, err := k.Pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := report.Storages[0]
		i := slices.IndexFunc(s.Tasks, func(ts TaskStatus) bool { return ts.Task == TaskRenew })
		if got := s.Tasks[i]; !slices.Contains(done, TaskRenew) || got.Outcome != c.want || s.Locked != (c.err == nil) {
			t.Errorf("%v: locked %t, done %q, %+v", c.err, s.Locked, done, got)
		}
	}
}
