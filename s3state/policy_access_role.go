package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// Role is one of the three identities of a policed bucket.
type Role string

// Roles.
const (
	RoleHost   Role = "host"   // backs up: the target user of the policy
	RoleKeeper Role = "keeper" // prunes, proves and extends locks
	RoleAdmin  Role = "admin"  // owns the bucket
)

func (r Role) valid() error {
	switch r {
	case "", RoleHost, RoleKeeper, RoleAdmin:
		return nil
	}
	return fmt.Errorf("%w: %q is no role: %s, %s or %s", ErrInvalid, s3err.Clip(string(r)), RoleHost, RoleKeeper, RoleAdmin)
}

// RoleBy is how a role became known.
type RoleBy string

// Ways to know a role.
const (
	RoleGiven      RoleBy = "given"  // by the caller
	RoleByIdentity RoleBy = "user"   // the server says who the caller is, the policy which role that user has
	RoleByRights   RoleBy = "rights" // by whether the caller may read what only the keeper needs
)

func (a *accessor) is(r Role) bool { return a.report.Role == r }

// findRole finds out whose credentials these are. Only the server's word makes a caller
// the admin; otherwise a caller who merely can do everything would pass for the admin.
func (a *accessor) findRole(ctx context.Context, as Role) error {
	r, check := a.report, a.report.Check
	caller, _, err := a.s.ownBuckets(ctx)
	owner := err == nil && check.ownerIsAdmin() && caller.ID == a.config.acl.Owner.ID
	name, who := caller.ID, ""
	if canonicalID(a.config.acl.Owner.ID) {
		var unknown error
		if who, unknown = a.s.callerOnAWS(ctx); unknown != nil {
			a.s.log.Info("STS does not say who the caller is", "error", unknown)
		}
		// The root user stands above the policy, as an admin does.
		if callerIs(who, check.Admin) || rootOf(who, check.Admin) {
			owner, name = true, who
		}
	}
	if owner && as != "" && as != RoleAdmin {
		return fmt.Errorf("%w %s, who may do everything, not the %s's", ErrOwner, name, as)
	}
	is := func(principal string) bool {
		if who != "" {
			return callerIs(who, principal)
		}
		arn, known := ownerPrincipal(caller.ID)
		if tenantOf(principal) == zeroAccount { // SeaweedFS's IDs are the users' names
			arn = userARN(zeroAccount, caller.ID)
		}
		return err == nil && principal != "" && (known && arn == principal || caller.ID == principal)
	}
	switch {
	case as != "":
		r.Role, r.RoleBy = as, RoleGiven
	case owner:
		r.Role, r.RoleBy = RoleAdmin, RoleByIdentity
	case is(check.Keeper):
		r.Role, r.RoleBy = RoleKeeper, RoleByIdentity
	case is(check.Target):
		r.Role, r.RoleBy = RoleHost, RoleByIdentity
	case check.Keeper != "" && a.readsLock(ctx):
		r.Role, r.RoleBy = RoleKeeper, RoleByRights
	default:
		r.Role, r.RoleBy = RoleHost, RoleByRights
	}
	return nil
}

// readsLock reports whether the caller may read how the bucket is locked, as the keeper
// may and the host may not.
func (a *accessor) readsLock(ctx context.Context) bool {
	answered := false
	for _, what := range []string{"lifecycle", "object-lock"} {
		_, err := a.s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: a.bucket, Query: url.Values{what: {""}}})
		switch {
		case err == nil || s3err.Status(err) == http.StatusNotFound:
			answered = true
		case !noSuchFeature(err):
			return false
		}
	}
	return answered
}

// seeLock records whether the keeper or the admin can see how the bucket is locked.
func (a *accessor) seeLock(ctx context.Context) {
	l, err := a.s.Lock(ctx, a.bucket)
	if a.note("read the lock and the lifecycle", Allowed, false, err) == Allowed {
		a.lock = l
	}
}

// locks reports whether the bucket locks what is written.
func (a *accessor) locks() bool { return a.lock != nil && a.lock.Enabled && a.lock.RetainDays > 0 }

// lockedVersion tries, on a version that has been locked since it was written, what the
// promise of a locked bucket denies to everyone and what the keeper's renewal needs.
func (a *accessor) lockedVersion(ctx context.Context, key, version string) {
	has, err := getRetention(ctx, a.s.s3, a.bucket, key, version)
	if err == nil && has.until.IsZero() {
		err = fmt.Errorf("%w: the server shows no lock of a version just written", ErrAccessDenied)
	}
	if a.note("read a lock", Allowed, false, err) != Allowed {
		return
	}
	set := func(mode LockMode, until time.Time, bypass bool) error {
		return lockAnswer(putRetention(ctx, a.s.s3, a.bucket, key, version, retention{mode: mode, until: until}, bypass))
	}
	later := has.until.Add(time.Minute)
	a.note("extend a lock", Allowed, false, set(has.mode, later, false))
	a.note("shorten a lock", Refused, true, set(has.mode, has.until.Add(-Day), true))
	if has.mode == Compliance {
		a.note("weaken a lock", Refused, true, set(Governance, later, true))
	}
	remove := func(header http.Header) error {
		_, err := a.s.s3.Call(ctx, s3versions.Request{
			Method: http.MethodDelete, Bucket: a.bucket, Key: key, Query: url.Values{"versionId": {version}}, Header: header,
		})
		return lockAnswer(err)
	}
	a.note("delete a locked version", Refused, true, remove(nil))
	a.note("delete a locked version by a bypass", Refused, true, remove(http.Header{"X-Amz-Bypass-Governance-Retention": {"true"}}))
	if a.is(RoleAdmin) && has.mode == Compliance {
		a.lateLock(ctx)
	}
}

// lateLock tries to end a lock by extending it to a date that the server cannot store.
// The keeper may extend, too, but cannot remove what it has unlocked so.
func (a *accessor) lateLock(ctx context.Context) {
	found, err := a.s.tryLate(ctx, a.bucket, a.soon().Add(-lockFor))
	r := AccessResult{Action: "end a lock by a date after 2106", Outcome: Unknown, Expected: Refused}
	switch {
	case err != nil:
		r.Detail = err.Error()
	case found == lateKept:
		r.Outcome = Refused
	case found == lateLost:
		r.Outcome, r.Gap, r.Detail = Allowed, true, lateGap
	default:
		r.Detail = "it takes a lock of seconds that these credentials can bypass, and the server takes none"
	}
	a.report.OK = a.report.OK && r.Met()
	a.report.Results = append(a.report.Results, r)
}

// lockAnswer makes the various answers by which servers refuse what a lock forbids an
// ErrAccessDenied.
func lockAnswer(err error) error {
	switch status := s3err.Status(err); {
	case status == http.StatusBadRequest || status == http.StatusConflict || status == http.StatusForbidden:
		return fmt.Errorf("%w: %v", ErrAccessDenied, s3err.Describe(err))
	}
	return err
}

// readsFileData tries the reads that keeper and admin need in a bucket whose host is
// sealed.
func (a *accessor) readsFileData(ctx context.Context) {
	if a.report.Check.SealState(a.now()) != Sealed {
		return
	}
	newest, _, err := a.fileData(ctx)
	if err == nil && newest.key == "" {
		a.report.Results = append(a.report.Results, AccessResult{
			Action: "read file data", Outcome: Unknown, Expected: Unknown, Detail: "there is none yet: run this again after a backup",
		})
		return
	}
	one := func(version string) error {
		if err != nil {
			return err
		}
		query := url.Values{}
		if version != "" {
			query.Set("versionId", version)
		}
		resp, err := a.s.s3.Send(ctx, s3versions.Request{
			Method: http.MethodGet, Bucket: a.bucket, Key: newest.key, Query: query, Header: http.Header{"Range": {"bytes=0-0"}},
		})
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	a.note("read file data", Allowed, false, one(""))
	a.note("read file data by version", Allowed, false, one(newest.version))
}

// removeCanary removes the versions of the canary. Only the admin can, and only where
// nothing is locked.
func (a *accessor) removeCanary(ctx context.Context, key string) {
	var errs []error
	for _, v := range a.listed(ctx, key) {
		errs = append(errs, a.s.removeVersion(ctx, a.bucket, key, v.VersionID))
	}
	a.note("delete a version", Allowed, false, errors.Join(errs...))
}
