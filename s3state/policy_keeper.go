package s3state

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// keeperActions are all that the keeper may do: what the host may, and to read versions
// and to read and extend their locks. Extending is also what PutObjectRetention allows
// of a lock in COMPLIANCE; of one in GOVERNANCE, without the bypass.
var keeperActions = append(slices.Clone(targetActions),
	"s3:GetObjectVersion", "s3:GetObjectRetention", "s3:PutObjectRetention",
	"s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration",
)

// keeperDenied is what a Deny takes from the keeper where the server gives the writer
// of an object more than the policy does.
var keeperDenied = slices.DeleteFunc(slices.Clone(deniedActions), func(action string) bool {
	return slices.Contains(keeperActions, action)
})

// adminDenied is what a Deny takes from the admin in a bucket locked in GOVERNANCE.
var adminDenied = []string{"s3:BypassGovernanceRetention"}

// rolesPolicy is the policy of a bucket with its roles.
type rolesPolicy struct {
	bucket, admin, target string
	keeper                string // "" without one
	ceph                  bool   // the server consults ACLs before the policy
	all                   string // see roles
	lock                  *LockOptions
	seal                  seal
}

// of is the policy with other roles.
func (p rolesPolicy) of(who roles) rolesPolicy {
	p.admin, p.target, p.keeper, p.all = who.admin, who.target, who.keeper, who.all
	return p
}

func (p rolesPolicy) String() string { return encodePolicy(p.statements()...) }

func (p rolesPolicy) statements() []policyStatement {
	all := []policyStatement{roles{admin: p.admin, all: p.all}.adminStatement(p.bucket)}
	statement := func(effect, principal string, actions []string) {
		all = append(all, policyStatement{
			Effect: effect, Principal: map[string][]string{"AWS": {principal}}, Action: actions, Resource: resources(p.bucket),
		})
	}
	statement("Allow", p.target, targetActions)
	if p.keeper != "" {
		statement("Allow", p.keeper, keeperActions)
	}
	if p.ceph {
		all = append(all, denial(p.bucket, p.target))
		if p.keeper != "" {
			statement("Deny", p.keeper, keeperDenied)
		}
		all = append(all, p.strangers())
	}
	if p.lock != nil && p.lock.Mode == Governance {
		statement("Deny", p.admin, adminDenied)
	}
	if p.seal.on {
		all = append(all, p.seal.statement(p.bucket, p.target))
	}
	return all
}

// keeperPrincipal is the principal of the keeper, "" for no keeper. It is a third one.
func keeperPrincipal(keeper, admin, target string) (string, error) {
	if keeper == "" {
		return "", nil
	}
	if admin == "" { // not known yet
		_, err := targetPrincipal(keeper, userARN("", "admin"))
		return "", err
	}
	principal, err := targetPrincipal(keeper, admin)
	switch {
	case err != nil:
		return "", fmt.Errorf("keeper: %w", err)
	case principal == adminBeside(admin, principal):
		return "", fmt.Errorf("%w: the keeper is the admin, %s; it needs credentials of its own", ErrInvalid, admin)
	case principal == target:
		return "", fmt.Errorf("%w: the keeper is the host's user, %s; it needs credentials of its own", ErrInvalid, target)
	}
	return principal, nil
}

// isKeeper tells the keeper's statement from the host's: only the keeper may touch
// locks.
func isKeeper(g grant) bool { return slices.Contains(g.actions, "s3:PutObjectRetention") }

// checkKeeper judges the statements that may touch locks.
func (c *PolicyCheck) checkKeeper(keepers []grant) {
	if len(keepers) == 0 {
		return
	}
	if len(keepers) > 1 {
		c.problem("%d statements allow extending locks, not one", len(keepers))
	}
	g := keepers[0]
	if len(g.principals) > 0 {
		c.Keeper = g.principals[0]
	}
	var more, less []string
	for _, a := range g.actions {
		if !slices.Contains(keeperActions, a) {
			more = append(more, a)
		}
	}
	for _, a := range keeperActions {
		if !slices.Contains(g.actions, a) {
			less = append(less, a)
		}
	}
	if len(more) > 0 {
		c.problem("the keeper may also do %s", s3err.Clip(strings.Join(more, ", ")))
	}
	if len(less) > 0 {
		c.problem("the keeper may not do %s", s3err.Clip(strings.Join(less, ", ")))
	}
	if c.Keeper != "" && (c.Keeper == c.Admin || c.Keeper == c.Target) {
		c.problem("the keeper %s is also the admin or the target user", s3err.Clip(c.Keeper))
	}
}

// mayDeny are the actions that a Deny may take from a principal: those it does not
// need.
func (c *PolicyCheck) mayDeny(principals []string) (actions []string, role bool) {
	if len(principals) != 1 || principals[0] == "" {
		return nil, false
	}
	switch principals[0] {
	case c.Target:
		return deniedActions, true
	case c.Keeper:
		return keeperDenied, true
	case c.Admin:
		return adminDenied, true
	}
	return nil, false
}

// KeeperUser is the user name in Keeper.
func (c *PolicyCheck) KeeperUser() string { return shortName(c.Keeper) }
