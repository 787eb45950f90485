package s3state

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// errOrder says that storage-history and --at cannot rely on this server's listing.
var errOrder = errors.New("the server does not list versions in the order of writing, with the times of writing")

// lockFor is how long an attempt locks the canary: nothing of it stays locked.
const lockFor = 10 * time.Second

// soon is a time shortly after now, by the server's clock.
func (a *accessor) soon() time.Time {
	now := time.Now()
	if len(a.seen) > 0 && a.seen[0].LastModified.After(now.Add(-time.Hour)) {
		now = a.seen[0].LastModified // just written
	}
	return now.Add(lockFor).UTC()
}

// uploads tries what the headers of an upload may ask for.
func (a *accessor) uploads(ctx context.Context, key string) {
	put := func(header ...string) error {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		resp, err := a.s.s3.Send(ctx, s3versions.Request{
			Method: http.MethodPut, Bucket: a.bucket, Key: key, Header: h, Body: []byte("canary of rwm storage-access\n"),
		})
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	a.strangers(ctx, key, put)
	const tags = "a lifecycle rule that goes by tags would destroy what the host tags; storage-info shows the rules"
	a.named("tag an object", a.tag(ctx, key), tags)
	a.named("tag an object at upload", put("X-Amz-Tagging", "rwm=canary"), tags)
	a.named("lock an object at upload", put("X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", a.soon().Format(time.RFC3339)),
		"the host can keep objects from being removed for as long as it likes, which costs space")
}

// named notes an attempt that is no harm in itself, and says what follows if it
// succeeds. A server that does not know the feature refuses it in its own way.
func (a *accessor) named(action string, err error, consequence string) {
	if err != nil && s3err.Status(err)/100 == 4 {
		err = ErrAccessDenied
	}
	a.noteWith(action, err, consequence)
}

// noteWith says what follows if an attempt succeeds that should not, and is no harm.
func (a *accessor) noteWith(action string, err error, consequence string) {
	if a.note(action, Refused, false, err) == Allowed {
		a.report.Results[len(a.report.Results)-1].Detail = consequence
	}
}

func (a *accessor) tag(ctx context.Context, key string) error {
	resp, err := a.s.s3.Send(ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: a.bucket, Key: key, Query: url.Values{"tagging": {""}},
		Body: []byte(`<Tagging><TagSet><Tag><Key>rwm</Key><Value>canary</Value></Tag></TagSet></Tagging>`),
	})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// strangers tries to let another user read an object, by an ACL given at upload. The
// bucket's owner stands for the other, who may read it anyway. What counts is whether
// the grant is there and no statement denies what it allows.
func (a *accessor) strangers(ctx context.Context, key string, put func(...string) error) {
	const action = "let another user read an object"
	owner := a.config.acl.Owner.ID
	if owner == "" {
		return
	}
	err := put("X-Amz-Grant-Read", `id="`+owner+`"`)
	if err == nil && a.report.Check.StrangersDenied {
		err = ErrAccessDenied // it is granted, and denied by the policy
	}
	if err == nil {
		var acl ACL
		acl, err = a.s.objectACL(ctx, a.bucket, key)
		if err == nil && !slices.ContainsFunc(acl.Grants, func(g Grant) bool { return g.Grantee.ID == owner && g.Permission == "READ" }) {
			err = ErrAccessDenied // the header had no effect
		}
		if errors.Is(s3err.Classify(err), ErrAccessDenied) || s3err.Forbidden(err) {
			err = ErrAccessDenied
		}
	} else if s3err.Status(err)/100 == 4 {
		err = ErrAccessDenied // the server has no such ACLs
	}
	if a.note(action, Refused, true, err) == Allowed {
		a.report.Results[len(a.report.Results)-1].Detail = "by an ACL at upload; `rwm storage-adopt BUCKET USER` denies it to all others in the policy (docs/migration.md)"
	}
}

// listed are the versions of a key, nil if they cannot be listed.
func (a *accessor) listed(ctx context.Context, key string) []Version {
	var all []Version
	for v, err := range a.s.Versions(ctx, a.bucket, key) {
		if err != nil {
			return nil
		}
		if v.Key == key {
			all = append(all, v)
		}
	}
	return all
}

// order reports whether the listing shows the versions of the canary in the order in
// which they were written, with times that stay when the key is overwritten.
func (a *accessor) order(ctx context.Context, key string, versions []string) {
	if len(versions) < 2 || ctx.Err() != nil {
		return
	}
	after := a.listed(ctx, key)
	var err error
	for i := 1; i < len(after); i++ {
		if after[i].LastModified.After(after[i-1].LastModified.Add(spreadSlack)) {
			err = errOrder
		}
	}
	at := func(list []Version, id string) int {
		return slices.IndexFunc(list, func(v Version) bool { return v.VersionID == id })
	}
	first, second := at(after, versions[0]), at(after, versions[1])
	switch {
	case len(after) == 0 || !after[0].IsLatest || !after[0].DeleteMarker, first < 0, second < 0, first < second:
		err = errOrder
	default:
		for _, v := range a.seen {
			if i := at(after, v.VersionID); i < 0 || distance(after[i].LastModified, v.LastModified) > time.Second {
				err = errOrder
			}
		}
	}
	outcome := Allowed
	if err != nil {
		outcome = Refused
		a.report.OK = false
	}
	r := AccessResult{Action: "list versions in the order of writing", Outcome: outcome, Expected: Allowed}
	if err != nil {
		r.Detail = err.Error() + ": do not rely on --at, storage-history and saved states here"
	}
	a.report.Results = append(a.report.Results, r)
}

// objectACL reads the ACL of a current object.
func (s *Store) objectACL(ctx context.Context, bucket, key string) (ACL, error) {
	resp, err := s.s3.Send(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Key: key, Query: url.Values{"acl": {""}}})
	if err != nil {
		return ACL{}, err
	}
	defer resp.Body.Close()
	return readACL(resp.Body)
}
