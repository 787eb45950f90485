package s3state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Outcome of an attempt.
type Outcome string

// Outcomes.
const (
	Allowed Outcome = "allowed"
	Refused Outcome = "refused"
	Unknown Outcome = "unknown" // the server answered neither yes nor no
)

// AccessResult is one line of an AccessReport.
type AccessResult struct {
	Action   string
	Outcome  Outcome
	Expected Outcome
	// Harm says that with this the host could destroy what is saved, or open
	// it to others.
	Harm   bool
	Detail string // the server's answer, if it was not as expected
}

// AccessReport is what credentials were found to allow.
type AccessReport struct {
	Bucket  string
	Check   *PolicyCheck // what the policy says, tried or not
	Results []AccessResult
	// OK is false if the host can do harm, or not what it needs to.
	OK bool
}

// AccessOptions refine Access.
type AccessOptions struct {
	// Quick makes only the attempts that write no object.
	Quick bool
}

// Access proves with the host's own credentials what they can do, by trying:
// on a canary object of its own, and by setting what is set already. It undoes
// what should not have been possible. What stays behind are three versions of a
// few bytes under rwm/canary_, hidden by a delete marker, which the host
// rightly cannot remove.
//
// Called with the owner's credentials it tries nothing: the error wraps ErrOwner,
// and the report has only the policy check.
func (s *Store) Access(ctx context.Context, bucket string, opts AccessOptions) (*AccessReport, error) {
	f, err := s.facts(ctx, bucket)
	if err != nil {
		return nil, err
	}
	report := &AccessReport{Bucket: bucket, Check: checkPolicy(bucket, f), OK: true}
	if caller, _, err := s.ownBuckets(ctx); err == nil && caller.ID != "" && caller.ID == f.acl.Owner.ID {
		return report, fmt.Errorf("%w %s, to whom all is allowed; use the host's", ErrOwner, caller.ID)
	}
	a := &accessor{s: s, bucket: bucket, facts: f, report: report}
	a.settings(ctx)
	if !opts.Quick {
		a.canary(ctx)
	}
	return a.report, ctx.Err()
}

type accessor struct {
	s      *Store
	bucket string
	facts  *facts
	report *AccessReport
}

// note judges the error of an attempt.
func (a *accessor) note(action string, expected Outcome, harm bool, err error) Outcome {
	r := AccessResult{Action: action, Expected: expected}
	switch {
	case err == nil, reached(err):
		r.Outcome = Allowed
	case status(err) == http.StatusForbidden || errors.Is(err, ErrAccessDenied):
		r.Outcome = Refused
	default:
		r.Outcome = Unknown
	}
	if r.Outcome != expected && err != nil {
		r.Detail = describe(err).Error()
	}
	r.Harm = harm && r.Outcome == Allowed
	if r.Harm || expected == Allowed && r.Outcome != Allowed {
		a.report.OK = false
	}
	a.report.Results = append(a.report.Results, r)
	return r.Outcome
}

// reached tells the errors that come only after permission was given.
func reached(err error) bool {
	switch code(err) {
	case "BucketNotEmpty", "MalformedXML", "MalformedPolicy", "MalformedACLError", "InvalidArgument":
		return true
	}
	return false
}

func (a *accessor) put(ctx context.Context, what string, body string) error {
	_, err := a.s.call(ctx, http.MethodPut, a.bucket, url.Values{what: {""}}, []byte(body))
	return err
}

// settings tries to set what is set already, so that success changes nothing.
func (a *accessor) settings(ctx context.Context) {
	if a.facts.versioning == "Enabled" {
		a.note("suspend versioning", Refused, true, a.put(ctx, "versioning",
			`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`))
	}
	if a.facts.policy != nil {
		a.note("change the policy", Refused, true, a.put(ctx, "policy", string(a.facts.policy)))
	}
	// No valid rule: a server that lets it pass complains of the form.
	a.note("change the lifecycle", Refused, true, a.put(ctx, "lifecycle", `<LifecycleConfiguration></LifecycleConfiguration>`))
	a.note("change the bucket's ACL", Refused, true, a.put(ctx, "acl", `<AccessControlPolicy></AccessControlPolicy>`))
}

// canary tries what needs an object.
func (a *accessor) canary(ctx context.Context) {
	key := "rwm/canary_" + strings.ToLower(rand.Text()[:12])
	var versions []string
	for range 2 {
		up, err := a.s.putSmall(ctx, a.bucket, key, []byte("canary of rwm storage-access\n"))
		if len(versions) == 0 || err != nil {
			a.note("write an object", Allowed, false, err)
		}
		if err != nil {
			return
		}
		versions = append(versions, up)
	}
	defer func() { a.note("delete an object", Allowed, false, a.s.hide(ctx, a.bucket, key)) }()

	a.note("read an object", Allowed, false, a.read(ctx, key, ""))
	// Whoever wrote an object may read its versions on Ceph, if not by GET, then
	// by a copy of its parts. It is no harm to what is saved, but worth knowing.
	a.note("read an old version", Refused, false, a.read(ctx, key, versions[0]))
	a.note("copy an old version", Refused, false, a.s.copyPart(ctx, a.bucket, key, versions[0]))
	a.note("delete a version", Refused, true, a.s.removeVersion(ctx, a.bucket, key, versions[0]))
	a.note("set an object's retention", Refused, false, a.s.tryRetention(ctx, a.bucket, key))
	a.public(ctx, key)
	// The canary is in it, so even if this is allowed it fails.
	_, err := a.s.call(ctx, http.MethodDelete, a.bucket, nil, nil)
	a.note("delete the bucket", Refused, true, err)
}

// public tries to open an object to everybody, which RGW's public access block
// does not refuse but makes ineffective: so what counts is reading it.
func (a *accessor) public(ctx context.Context, key string) {
	err := a.s.setACL(ctx, a.bucket, key, "public-read")
	if err == nil {
		defer func() { _ = a.s.setACL(ctx, a.bucket, key, "private") }()
	}
	if err != nil {
		a.note("open an object to everybody", Refused, true, err)
		return
	}
	// Without credentials, Ceph finds a tenant's bucket only by TENANT:BUCKET.
	names := []string{a.bucket}
	if tenant, _, ok := strings.Cut(a.facts.acl.Owner.ID, "$"); ok && tenant != "" {
		names = append(names, tenant+":"+a.bucket)
	}
	for _, name := range names {
		if err = a.anonymous(ctx, name, key); err == nil {
			break
		}
	}
	a.note("open an object to everybody", Refused, true, err)
}

// anonymous reads an object without credentials.
func (a *accessor) anonymous(ctx context.Context, bucket, key string) error {
	p, err := a.s.locate(ctx, a.bucket)
	if err != nil {
		return err
	}
	u := p.url
	u.Path = strings.Replace(u.Path, a.bucket, bucket, 1) + key
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := a.s.http.Do(req)
	if err != nil {
		return bareURLError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return errorReply(resp, a.bucket)
}

func (a *accessor) read(ctx context.Context, key, version string) error {
	body, _, err := a.s.openObject(ctx, a.bucket, key, version)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}
