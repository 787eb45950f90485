package s3state

import (
	"context"
	"fmt"

	"github.com/cesnet/rwm/internal/s3err"
)

// choosePrincipals finds who gets the limited grant. The source's own policy
// is the admin's word; the state is the host's, and by itself lets nobody in.
func (r *restorer) choosePrincipals(ctx context.Context) error {
	f := r.live
	live := checkPolicy(r.opts.Source, f)
	claimed := ""
	if r.manifest.header.Policy != nil {
		claimed = checkPolicy(r.opts.Source, &bucketConfig{acl: f.acl, policy: r.manifest.header.Policy, versioning: "Enabled"}).Target
	}
	user := r.opts.TargetUser
	if user == "" {
		switch {
		case live.Target != "" && claimed != "" && claimed != live.Target:
			return fmt.Errorf("%w: it gives access to %q, the bucket's policy to %q; name the right one with --target-user (TargetUser)",
				ErrBadState, s3err.Clip(claimed), s3err.Clip(live.Target))
		case live.OK, live.Target != "" && claimed == live.Target:
			user = live.Target
		case live.Target == "":
			return fmt.Errorf("%w: the policy of bucket %s names no target user (a state's word is not enough, the host could have forged it); name one with --target-user (TargetUser)",
				ErrPolicy, r.opts.Source)
		default:
			return fmt.Errorf("%w: %s; name the user who gets access with --target-user (TargetUser)", ErrPolicy, live.Problems[0])
		}
	}
	var err error
	r.admin, r.target, err = r.s.principals(ctx, user)
	if err != nil {
		return err
	}
	if r.admin == "" {
		if r.admin, r.target, err = r.s.principalsOf(ctx, r.opts.Source, user); err != nil {
			return err
		}
	}
	if r.opts.TargetUser == "" && !live.OK && tenantOf(r.admin) != tenantOf(r.target) {
		return fmt.Errorf("%w: its target user %q is not of the admin's tenant; if that is right, name it with --target-user (TargetUser)", ErrBadState, s3err.Clip(r.target))
	}
	r.sealed = live.Sealed
	keeper := r.opts.Keeper
	if keeper == "" && live.OK {
		keeper = live.Keeper
	}
	return r.chooseForms(live, user, keeper)
}

// chooseForms finds the forms in which the policy of the target may name its roles: the
// form of the source's policy, which the server has accepted, or without one all that
// Create would try.
func (r *restorer) chooseForms(live *PolicyCheck, user, keeper string) (err error) {
	known := live.OK && shortName(live.Admin) == shortName(r.admin)
	if known {
		if r.target, err = targetPrincipal(user, live.Admin); err != nil {
			return err
		}
		r.admin = live.Admin
	}
	if r.keeper, err = keeperPrincipal(keeper, r.admin, r.target); err != nil {
		return err
	}
	who := roles{admin: r.admin, target: r.target, keeper: r.keeper}
	r.forms = func(ceph bool) []roles { return r.s.forms(who, user, keeper, ceph) }
	if known {
		who.all = live.all
		r.forms = only(who)
	}
	return nil
}
