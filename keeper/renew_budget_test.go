package keeper

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/s3state"
)

// costly is a Storage whose first renewal takes more than a budget.
type costly struct {
	Storage
	rt     http.RoundTripper
	all    bool // is to be renewed
	second func(ctx context.Context) error
}

func (s *costly) Survey(context.Context, *Survey) (*Survey, error) { return &Survey{}, nil }
func (s *costly) Close() error                                     { return nil }
func (s *costly) renewAllCurrent()                                 { s.all = true }

func (s *costly) Renew(ctx context.Context, _ string) (*Renewal, error) {
	if s.all {
		return &Renewal{Kept: true}, s.second(ctx)
	}
	return nil, s.spend(ctx)
}

// spend sends requests until that is too much.
func (s *costly) spend(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := s.rt.RoundTrip(&http.Request{}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

type noBody struct{}

func (noBody) RoundTrip(*http.Request) (*http.Response, error) { return &http.Response{}, nil }

// What ends the renewal of all current objects is told as what it is, not as the budget
// that was spent before: an interruption is no result at all.
func TestEndOfTheSecondRenewal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		second  func(ctx context.Context, s *costly, interrupt func()) error
		outcome Outcome
		text    string
	}{
		{"done", func(context.Context, *costly, func()) error { return nil }, Proved, "0 of 0 versions extended"},
		{"spent", func(ctx context.Context, s *costly, _ func()) error { return s.spend(ctx) }, NotProved, ErrBudget.Error()},
		{"refused", func(context.Context, *costly, func()) error { return s3state.ErrAccessDenied }, NotProved, s3state.ErrAccessDenied.Error()},
		{"interrupted", func(ctx context.Context, _ *costly, interrupt func()) error {
			interrupt()
			<-ctx.Done()
			return ctx.Err()
		}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			cfg := &StorageConfig{Renew: Always(), Sensitivity: signs.Off, Budget: Budget{Requests: 5}}
			k, err := New(&Config{StateDir: t.TempDir(), Storages: map[string]*StorageConfig{"s": cfg}}, WithTransport(noBody{}),
				WithStorage(func(_ context.Context, _ string, _ *StorageConfig, rt http.RoundTripper) (Storage, error) {
					s := &costly{rt: rt}
					s.second = func(ctx context.Context) error { return c.second(ctx, s, interrupt) }
					return s, nil
				}))
			if err != nil {
				t.Fatal(err)
			}
			report, err := k.Pass(ctx)
			if (c.outcome == "") != errors.Is(err, context.Canceled) {
				t.Errorf("pass: %v", err)
			}
			for _, task := range report.Storages[0].Tasks {
				if task.Task == TaskRenew && (task.Outcome != c.outcome || !strings.HasPrefix(task.Text, c.text) || c.text == "" && task.Text != "") {
					t.Errorf("%+v", task)
				}
			}
		})
	}
}
