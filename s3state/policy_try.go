package s3state

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// variants returns the policy in the forms that servers accept, the best first, each
// with the kept statements of the former policy.
func (p rolesPolicy) variants(who []roles, kept []json.RawMessage) []string {
	var texts []string
	for _, r := range who {
		form := p.of(r)
		if p.seal.on {
			// Not every server knows the actions of reading attributes.
			form.seal.attributes = true
			texts = append(texts, withKept(form.statements(), kept))
			form.seal.attributes = false
		}
		texts = append(texts, withKept(form.statements(), kept))
	}
	return texts
}

// withKept writes a policy made of new statements and of statements read from the
// former one.
func withKept(statements []policyStatement, kept []json.RawMessage) string {
	text := encodePolicy(statements...)
	for _, raw := range kept {
		text = text[:len(text)-len("]}")] + "," + string(raw) + "]}"
	}
	return text
}

// setTried sets the first of several policies that the server accepts and returns as it
// was sent. If it accepts none, the bucket keeps the policy that it had before, unless
// another restore has set its own meanwhile.
func (m *maker) setTried(ctx context.Context, texts []string) error {
	former, err := m.s.getPolicy(ctx, m.bucket)
	if err != nil {
		return err
	}
	var first, altered error
	for _, text := range texts {
		err := m.setPolicy(ctx, text)
		switch {
		case err == nil:
			if err = m.readsBack(ctx, text, former); err == nil || errors.Is(err, errTakenOver) {
				return err
			}
			if altered == nil {
				altered = err
			}
			late, cancel := afterwards(ctx)
			undo := m.putBack(late, former)
			cancel()
			if undo != nil {
				return fmt.Errorf("%w; the former policy could not be put back: %w", err, undo)
			}
		case !refusesForm(err):
			return err
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	// One that was taken and changed says more than those that were refused.
	return cmp.Or(altered, first)
}

// refusesForm reports whether the server rejected the form of a policy.
func refusesForm(err error) bool {
	return s3err.Status(err) == http.StatusBadRequest || s3err.Status(err) == http.StatusNotImplemented
}

// readsBack waits until the server returns the policy that was set. Some servers return
// the former one for a while.
func (m *maker) readsBack(ctx context.Context, text string, former []byte) error {
	deadline := time.Now().Add(m.s.trialWait)
	for {
		got, err := m.s.getPolicy(ctx, m.bucket)
		if err != nil {
			return err
		}
		if samePolicy(got, []byte(text)) {
			return nil
		}
		if !bytes.Equal(got, former) && m.runID != "" && unfinishedRun(got) != m.runID {
			return errTakenOver
		}
		if !bytes.Equal(got, former) || time.Now().After(deadline) {
			return fmt.Errorf("%w: the server keeps another one than was set", ErrPolicy)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(trialPause):
		}
	}
}

// putBack restores the former policy, or removes the policy if there was none.
func (m *maker) putBack(ctx context.Context, former []byte) error {
	if former != nil {
		return m.setPolicy(ctx, string(former))
	}
	err := m.s.changeSetting(ctx, "policy", s3versions.Request{Method: http.MethodDelete, Bucket: m.bucket})
	return s3err.Wrap(err, "bucket %s", m.bucket)
}

// samePolicy reports whether two policies have the same statements, however they are
// written and ordered.
func samePolicy(a, b []byte) bool {
	one, err := canonical(a)
	other, err2 := canonical(b)
	return errors.Join(err, err2) == nil && slices.Equal(one, other)
}

// canonical is each statement of a policy in one form, sorted.
func canonical(policy []byte) ([]string, error) {
	if policy == nil {
		return nil, errors.New("there is no bucket policy")
	}
	_, grants, err := splitPolicy(policy)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, g := range grants {
		all = append(all, g.canonical())
	}
	slices.Sort(all)
	return all, nil
}

// canonical is the statement without its Sid; elements that only some statements have
// are as they were written.
func (g grant) canonical() string {
	sorted := func(list []string) []string {
		list = slices.Clone(list)
		slices.Sort(list)
		return slices.Compact(list)
	}
	text, _ := json.Marshal([]any{g.effect, sorted(g.principals), sorted(g.except), sorted(g.actions), sorted(g.resources), plain(g.rest)})
	return string(text)
}

// plain writes a list of one value as the value, as servers may do.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			out[name] = plain(value)
		}
		return out
	case []any:
		if len(v) == 1 {
			return v[0]
		}
	}
	return v
}
