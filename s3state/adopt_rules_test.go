package s3state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

const rulesOf = `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</LifecycleConfiguration>`

func rule(id, prefix, what string) string {
	return `<Rule><ID>` + id + `</ID><Filter><Prefix>` + prefix + `</Prefix></Filter><Status>Enabled</Status>` + what + `</Rule>`
}

// Lifecycle rules are treated alike: harmless ones stay as they are written.
func TestAdoptLifecycleOfOthers(t *testing.T) {
	t.Parallel()
	srv := s3test.Start(t)
	uploads := rule("uploads", "", `<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>`)
	current := rule("current", "", `<Expiration><Days>90</Days></Expiration>`)
	old10 := rule("old", "", `<NoncurrentVersionExpiration><NoncurrentDays>10</NoncurrentDays></NoncurrentVersionExpiration>`)
	old60 := rule("old", "", `<NoncurrentVersionExpiration><NoncurrentDays>60</NoncurrentDays></NoncurrentVersionExpiration>`)
	logs := rule("logs", "logs/", `<Expiration><Days>9</Days></Expiration>`)
	lateLogs := rule("logs", "host1/locks/", `<Expiration><Days>9</Days></Expiration>`)
	prefixed := rule("old", "host1/", `<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration>`)
	packs := rule("old", "host1/data/00", `<Expiration><Days>90</Days></Expiration>`)
	for name, c := range map[string]struct {
		rules string
		lock  int
		want  string
	}{
		"harmless":          {uploads + old60, 0, "old kept, uploads kept"},
		"harmful":           {uploads + current, 0, "current refused, uploads kept"},
		"too soon":          {old10, 0, "old refused"},
		"elsewhere":         {logs, 0, "logs kept"},
		"locks at a prefix": {lateLogs, 0, "logs kept"},
		"at a prefix":       {prefixed, 0, "old refused"},
		"packs at a prefix": {packs, 0, "old refused"},
		"with a lock":       {uploads + old60, 20, "old kept, uploads kept"},
		"sooner than it":    {uploads + old10, 20, "old refused, uploads kept"},
		"later, and longer": {old10, 5, "old kept"},
		"elsewhere, locked": {logs, 20, "logs refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, ctx: t.Context(), srv: srv}
			w.admin, w.host = w.store(srv.Admin), w.store(srv.Host)
			// Older Ceph locks no other bucket that exists, and lists rules by their
			// IDs.
			w.plainWith(w.admin, minio.MakeBucketOptions{ObjectLocking: c.lock > 0})
			for _, key := range []string{"host1/config", "host1/keys/k"} {
				put(t, w.admin, w.bucket, key, key)
			}
			a := &accessor{s: w.admin, bucket: w.bucket}
			if err := a.put(w.ctx, "lifecycle", fmt.Sprintf(rulesOf, c.rules)); err != nil {
				t.Fatal(err)
			}
			opts := AdoptOptions{DryRun: name == "sooner than it" || name == "later, and longer"} // trying out a lock takes seconds
			if c.lock > 0 {
				opts.Lock = &LockOptions{Days: c.lock}
			}
			res, err := w.admin.Adopt(w.ctx, w.bucket, srv.Host.Name, opts)
			var got []string
			refused := false
			for _, f := range res.Plan.Found {
				got = append(got, strings.Trim(strings.TrimPrefix(f.Name, "rule "), `"`)+" "+string(f.Fate))
				refused = refused || f.Fate == AdoptRefused
			}
			if slices.Sort(got); strings.Join(got, ", ") != c.want {
				t.Fatalf("%q, want %q", got, c.want)
			}
			if opts.DryRun {
				return
			}
			if refused {
				if !errors.Is(err, ErrNotAdoptable) {
					t.Errorf("%v", err)
				}
				opts.Replace = true
				res, err = w.admin.Adopt(w.ctx, w.bucket, srv.Host.Name, opts)
			}
			if err != nil || !res.Check.OK {
				t.Fatalf("%+v, %v", res, err)
			}
			rules, err := w.admin.Lifecycle(w.ctx, w.bucket)
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, r := range rules {
				left = append(left, r.ID)
			}
			var want []string
			for part := range strings.SplitSeq(c.want, ", ") {
				if id, kept := strings.CutSuffix(part, " kept"); kept {
					want = append(want, id)
				}
			}
			if c.lock > 0 {
				want = append(want, ruleID)
				if res.Lock.Days != c.lock || len(res.Lock.Problems) > 0 {
					t.Errorf("%+v", res.Lock)
				}
			}
			slices.Sort(left)
			if slices.Sort(want); !slices.Equal(left, want) {
				t.Errorf("rules %q, want %q", left, want)
			}
			if res, err := w.admin.Adopt(w.ctx, w.bucket, srv.Host.Name, opts); err != nil || len(res.Plan.Steps) > 0 {
				t.Errorf("the second time: %+v, %v", res, err)
			}
		})
	}
}

// What a server does by a rule beyond S3's own is judged, too. MinIO has all of this.
func TestLifecycleOfMinIO(t *testing.T) {
	for what, want := range map[string]string{
		`<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>`: "removes for good what was deleted or overwritten, after 1 day",
		`<DelMarkerExpiration><Days>2</Days></DelMarkerExpiration>`:                                                       "removes for good what was deleted or overwritten, after 2 days",
		`<DelMarkerExpiration><Days>60</Days></DelMarkerExpiration>`:                                                      "",
		`<NoncurrentVersionExpiration><NoncurrentDays>60</NoncurrentDays><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>` +
			`<DelMarkerExpiration><Days>3</Days></DelMarkerExpiration>`: "overwritten, after 3 days",
		`<AllVersionsExpiration><Days>60</Days></AllVersionsExpiration>`:                             "has AllVersionsExpiration, and RWM does not know",
		`<AllVersionsExpiration></AllVersionsExpiration><DelMarkerExpiration></DelMarkerExpiration>`: "",
		`<Transition><Days>60</Days><StorageClass>COLD</StorageClass></Transition>`:                  "",
	} {
		data := fmt.Appendf(nil, rulesOf, rule("old", "", what))
		stored, err := readStoredRules(data)
		if err != nil || len(stored) != 1 {
			t.Fatalf("%s: %+v, %v", what, stored, err)
		}
		r := &stored[0]
		a := &adoption{plan: &AdoptPlan{Repositories: []string{""}}, has: &Lock{}}
		if fate, why := a.judgeRule(r); !strings.Contains(why, want) || (fate == AdoptRefused) != (want != "") {
			t.Errorf("%s: %s: %s, %s, want %s", what, r, fate, why, want)
		}
		days := r.NoncurrentDays
		if days == 0 || days > 30 {
			days = 30
		}
		lock := &LockOptions{Days: days, GraceDays: 10, Mode: Compliance}
		if why := lock.brokenBy(r); (why != "") != (r.Other != "") {
			t.Errorf("%s: with a lock: %s", what, why)
		}
	}
}

// A bucket of RWM's own gets a keeper: the Deny for everybody without a role, which does
// not name the keeper yet, is RWM's, too.
func TestAdoptGivesAKeeper(t *testing.T) {
	for _, dialect := range []string{"aws", "rgw", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newPlain(t, s3test.Dialect(dialect))
			for _, opts := range []AdoptOptions{{}, {Sealed: true}, {Keeper: w.srv.Host2.Name}} {
				res, err := w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, opts)
				if err != nil || !res.Check.OK || res.Check.KeeperUser() != opts.Keeper {
					t.Fatalf("%+v: %+v, %v", opts, res, err)
				}
			}
		})
	}
}
