package s3state

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// Outcome is the outcome of an attempt.
type Outcome string

// The outcomes of an attempt.
const (
	Allowed Outcome = "allowed"
	Refused Outcome = "refused"
	Unknown Outcome = "unknown" // the server answered neither yes nor no
)

// AccessResult is one line of an AccessReport.
type AccessResult struct {
	Action   string
	Outcome  Outcome
	Expected Outcome // of the role
	// Harm says that with this right the role could destroy saved data, or open it to
	// others, or that a sealed host can read file data.
	Harm bool
	// Gap says the same, but the server is at fault: nothing in the bucket can prevent
	// it.
	Gap bool
	// Unproved says that an attempt that could do harm got no answer: the server is
	// overloaded, failed or was not reached.
	Unproved bool
	Detail   string // the server's answer, if it was not as expected, or what follows
}

// Met reports that the role can do what it needs, and was shown to do no harm. A right
// that the server grants beyond the policy counts only if it does harm.
func (r AccessResult) Met() bool {
	return !r.Harm && !r.Unproved && (r.Expected != Allowed || r.Outcome == Allowed)
}

// AccessReport lists what credentials allow.
type AccessReport struct {
	Bucket  string
	Role    Role         // whose rights are expected
	RoleBy  RoleBy       // how that is known
	Check   *PolicyCheck // what the policy says
	Results []AccessResult
	// OK is false if the role can do harm, or that could not be tried, or it cannot do
	// what it needs to. Gaps of the server do not change it.
	OK bool
}

// AccessOptions configures Access.
type AccessOptions struct {
	// As says whose credentials these are. With "", Access finds out, from the policy,
	// from what the server says about the caller and from what the caller may read.
	// Only where the owner of the bucket is an account of many users must the admin be
	// named.
	As Role
	// Quick makes only the attempts that write no object.
	Quick bool
}

// Access proves what credentials can do by trying it: on a canary object of its own,
// and by setting what is already set. It judges the outcome by what their role (host,
// keeper or admin) needs and must not be able to do. It undoes what should not have
// been possible. Some versions of a few bytes under rwm/canary_ stay behind, hidden by
// a delete marker; only the admin can remove them, and in a locked bucket nobody before
// their lock ends.
//
// If As names another role and these are the owner's credentials, it tries nothing: the
// error wraps ErrOwner, and the report has only the policy check.
func (s *Store) Access(ctx context.Context, bucket string, opts AccessOptions) (*AccessReport, error) {
	s = s.made()
	if err := opts.As.valid(); err != nil {
		return nil, err
	}
	f, err := s.bucketConfig(ctx, bucket)
	if err != nil {
		return nil, err
	}
	report := &AccessReport{Bucket: bucket, Check: checkPolicy(bucket, f), OK: true}
	a := &accessor{s: s, bucket: bucket, config: f, report: report}
	if err := a.findRole(ctx, opts.As); err != nil {
		return report, err
	}
	a.settings(ctx)
	if !opts.Quick {
		a.canary(ctx)
	}
	return a.report, ctx.Err()
}

type accessor struct {
	s      *Store
	bucket string
	config *bucketConfig
	report *AccessReport
	lock   *Lock     // as the keeper and the admin see it; nil for a host
	seen   []Version // the canary's versions as they were listed after writing
}

// note judges the error of an attempt.
func (a *accessor) note(action string, expected Outcome, harm bool, err error) Outcome {
	r := AccessResult{Action: action, Expected: expected}
	switch {
	case err == nil, reached(err):
		r.Outcome = Allowed
	case s3err.Status(err) == http.StatusForbidden || errors.Is(err, ErrAccessDenied):
		r.Outcome = Refused
	default:
		r.Outcome = Unknown
	}
	if r.Outcome != expected && err != nil {
		r.Detail = s3err.Describe(err).Error()
	}
	r.Harm = harm && r.Outcome == Allowed
	r.Unproved = harm && r.Outcome == Unknown && (s3err.Status(err) == 0 || s3err.Transient(err))
	a.report.OK = a.report.OK && r.Met()
	a.report.Results = append(a.report.Results, r)
	return r.Outcome
}

// reached reports whether an error is one that comes only after permission was granted.
func reached(err error) bool {
	switch s3err.Code(err) {
	case "BucketNotEmpty", "MalformedXML", "MalformedPolicy", "MalformedACLError", "InvalidArgument":
		return true
	}
	return false
}

// Unproved lists the attempts that got no answer, if nothing else is wrong; else nil.
func (r *AccessReport) Unproved() (actions []string) {
	for _, one := range r.Results {
		switch {
		case one.Unproved:
			actions = append(actions, one.Action)
		case !one.Met():
			return nil
		}
	}
	return actions
}

func (a *accessor) put(ctx context.Context, what string, body string) error {
	_, err := a.s.s3.Call(ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: a.bucket, Query: url.Values{what: {""}}, Body: []byte(body),
	})
	return err
}

// destructive judges what only the admin may do.
func (a *accessor) destructive(action string, err error) Outcome {
	if a.is(RoleAdmin) {
		return a.note(action, Allowed, false, err)
	}
	return a.note(action, Refused, true, err)
}

// settings tries to set what is set already, so that success changes nothing.
func (a *accessor) settings(ctx context.Context) {
	if a.config.versioning == "Enabled" {
		a.destructive("suspend versioning", a.put(ctx, "versioning",
			`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`))
	}
	if a.config.policy != nil {
		a.destructive("change the policy", a.put(ctx, "policy", string(a.config.policy)))
	}
	if a.is(RoleAdmin) {
		a.seeLock(ctx)
		return
	}
	// Not a valid rule: a server that allows the change rejects only its form. The
	// admin, who may, does not risk it.
	a.destructive("change the lifecycle", a.put(ctx, "lifecycle", `<LifecycleConfiguration></LifecycleConfiguration>`))
	a.destructive("change the bucket's ACL", a.put(ctx, "acl", `<AccessControlPolicy></AccessControlPolicy>`))
	if a.is(RoleKeeper) {
		a.seeLock(ctx)
	}
}

// canary tries what needs an object.
func (a *accessor) canary(ctx context.Context) {
	key := canaryKey("")
	var versions []string
	defer func() {
		if len(versions) == 0 {
			return
		}
		a.note("delete an object", Allowed, false, a.s.hide(ctx, a.bucket, key))
		a.order(ctx, key, versions)
		if a.is(RoleAdmin) && !a.locks() {
			a.removeCanary(ctx, key)
		}
	}()
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
	a.seen = a.listed(ctx, key)

	a.note("read an object", Allowed, false, a.read(ctx, key, ""))
	if !a.is(RoleHost) {
		a.note("read an old version", Allowed, false, a.read(ctx, key, versions[0]))
		if a.locks() {
			a.lockedVersion(ctx, key, versions[0])
		} else if a.is(RoleKeeper) {
			a.destructive("delete a version", a.s.removeVersion(ctx, a.bucket, key, versions[0]))
		}
		a.readsFileData(ctx)
	}
	if a.is(RoleAdmin) {
		return // it may do the rest, and does not have to show it
	}
	if a.is(RoleHost) {
		// On Ceph the writer of an object may read its versions: if not by GET, then by
		// copying parts. This destroys nothing, but is worth knowing.
		const older = "an attacker on the host can read what it has backed up before; nothing is lost by that, but give each host a bucket of its own"
		a.noteWith("read an old version", a.read(ctx, key, versions[0]), older)
		a.noteWith("copy an old version", a.s.copyPart(ctx, a.bucket, key, versions[0]), older)
		a.note("delete a version", Refused, true, a.s.removeVersion(ctx, a.bucket, key, versions[0]))
		a.note("set an object's retention", Refused, false, a.s.tryRetention(ctx, a.bucket, key, a.soon()))
	}
	a.public(ctx, key)
	a.uploads(ctx, key)
	if a.is(RoleHost) {
		a.sealed(ctx, key)
	}
	// The bucket holds the canary, so this fails even if it is allowed.
	_, err := a.s.s3.Call(ctx, s3versions.Request{Method: http.MethodDelete, Bucket: a.bucket})
	a.note("delete the bucket", Refused, true, err)
}

// public tries to open an object to everybody. RGW's public access block does not
// refuse that but makes it ineffective, so what counts is reading the object.
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
	if tenant, _, ok := strings.Cut(a.config.acl.Owner.ID, "$"); ok && tenant != "" {
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
	u, err := a.s.s3.URL(ctx, a.bucket)
	if err != nil {
		return err
	}
	u.Path = strings.Replace(u.Path, a.bucket, bucket, 1) + key
	return a.open(ctx, u)
}

// open sends a GET that nothing else signs.
func (a *accessor) open(ctx context.Context, u *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := a.s.s3.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
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
