package s3state

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// storedRule is a lifecycle rule as it is stored, and what it removes.
type storedRule struct {
	text string // XML inside of Rule
	LifecycleRule
	enabled bool
	moves   []string // storage classes that it moves objects to
}

// storedRules reads the whole lifecycle of a bucket, including what RWM does not use.
func (s *Store) storedRules(ctx context.Context, bucket string) ([]storedRule, error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"lifecycle": {""}}})
	if s3err.Code(err) == "NoSuchLifecycleConfiguration" || noSuchFeature(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s3err.Wrap(err, "read the lifecycle of bucket %s", bucket)
	}
	rules, err := readStoredRules(data)
	if err != nil {
		return nil, fmt.Errorf("read the lifecycle of bucket %s: %w", bucket, err)
	}
	return rules, nil
}

func readStoredRules(data []byte) ([]storedRule, error) {
	type move struct{ StorageClass string }
	var doc struct {
		Rule []struct {
			Text string `xml:",innerxml"`
			ruleXML
			Transition, NoncurrentVersionTransition []move
		}
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	var rules []storedRule
	for i := range doc.Rule {
		x := &doc.Rule[i]
		r := storedRule{text: x.Text, LifecycleRule: x.rule(), enabled: x.Status == "Enabled"}
		for _, m := range append(x.Transition, x.NoncurrentVersionTransition...) {
			r.moves = append(r.moves, m.StorageClass)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func (r *storedRule) String() string {
	var does []string
	say := func(format string, args ...any) { does = append(does, fmt.Sprintf(format, args...)) }
	if r.ExpireDays > 0 {
		say("deletes current objects after %s", plural.Of(r.ExpireDays, "day"))
	}
	if !r.ExpireDate.IsZero() {
		say("deletes current objects on %s", r.ExpireDate.Format("2006-01-02"))
	}
	if r.NoncurrentDays > 0 {
		say("removes old versions after %s", plural.Of(r.NoncurrentDays, "day"))
	}
	if r.NewerNoncurrent > 0 {
		say("but leaves the newest %d", r.NewerNoncurrent)
	}
	if r.LoneMarkers {
		say("removes lone delete markers")
	}
	if r.UploadDays > 0 {
		say("removes unfinished uploads after %s", plural.Of(r.UploadDays, "day"))
	}
	if len(r.moves) > 0 {
		say("moves objects to %s", s3err.Clip(strings.Join(r.moves, ", ")))
	}
	if r.Other != "" {
		say("does what RWM does not know (%s)", r.Other)
	}
	if len(does) == 0 {
		say("does nothing that RWM knows of")
	}
	text := strings.Join(does, ", ")
	if r.Prefix != "" {
		text += " below " + s3err.Clip(r.Prefix)
	}
	if r.Narrowed {
		text += ", of certain tags or sizes"
	}
	if !r.enabled {
		text += " (disabled)"
	}
	return text
}

// judgeRule judges one lifecycle rule. A rule may remove only what the promise no
// longer covers or, without a promise, what people have had time to look at.
func (a *adoption) judgeRule(r *storedRule) (AdoptFate, string) {
	if r.ID == ruleID && a.lock != nil {
		return AdoptReplaced, "it is the rule of a lock"
	}
	if !r.enabled {
		return AdoptKept, ""
	}
	// Judged as the bucket will be.
	if a.lock != nil {
		if why := a.lock.brokenBy(r); why != "" {
			return AdoptRefused, why
		}
		return AdoptKept, ""
	}
	set := &Settings{Lock: a.has, Lifecycle: []LifecycleForecast{{LifecycleRule: r.LifecycleRule}}}
	if a.concernsPrefix(r.Prefix) {
		set.Lifecycle[0].Prefix = "" // judged as if it were for the repository at the root
	}
	if set.judge(); len(set.Problems) > 0 {
		return AdoptRefused, set.Problems[0]
	}
	return AdoptKept, ""
}

// concernsPrefix reports whether a rule for keys with a prefix can touch one of the
// repositories that were found.
func (a *adoption) concernsPrefix(prefix string) bool {
	return slices.ContainsFunc(a.plan.Repositories, func(repository string) bool {
		below, inside := strings.CutPrefix(prefix, repository)
		return strings.HasPrefix(repository, prefix) || inside && (&LifecycleRule{Prefix: below}).concernsRepository()
	})
}

// brokenBy says why a foreign rule would break the promise of a lock with these
// options; "" if it would not.
func (o *LockOptions) brokenBy(r *storedRule) string {
	if !r.enabled {
		return ""
	}
	l := &Lock{Enabled: true, Mode: Compliance, RetainDays: o.retainDays(), Lifecycle: []LifecycleRule{{NoncurrentDays: o.Days}, r.LifecycleRule}}
	if l.judge(); len(l.Problems) > 0 {
		return l.Problems[0]
	}
	if l.Days != o.Days {
		return "the lock promises " + plural.Of(o.Days, "day")
	}
	return ""
}

// rulesBeside are the rules of others in a bucket that is to be locked. They stay, but
// one that would break the promise is an error.
func (s *Store) rulesBeside(ctx context.Context, bucket string, lock *LockOptions) (kept []storedRule, err error) {
	all, err := s.storedRules(ctx, bucket)
	if err != nil {
		return nil, err
	}
	for i := range all {
		r := &all[i]
		if r.ID == ruleID {
			continue
		}
		if why := lock.brokenBy(r); why != "" {
			return nil, fmt.Errorf("%w: the lifecycle rule %q %s, but %s; remove it or choose a shorter lock", ErrInvalid, s3err.Clip(r.ID), r, why)
		}
		kept = append(kept, *r)
	}
	return kept, nil
}

// ownRule reports whether the lifecycle already has the rule of the lock.
func (a *adoption) ownRule() bool {
	n := 0
	for i := range a.rules {
		r := &a.rules[i]
		if r.ID != ruleID {
			continue
		}
		want := LifecycleRule{ID: ruleID, NoncurrentDays: a.lock.Days, LoneMarkers: true, UploadDays: uploadDays}
		if !r.enabled || r.LifecycleRule != want {
			return false
		}
		n++
	}
	return n == 1
}
