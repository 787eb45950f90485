package s3state

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// PolicyCheck is what CheckPolicy found.
type PolicyCheck struct {
	// OK says that the bucket is policed: versioned, owned by the admin, and its policy
	// gives the target user exactly what a host needs, and nobody else anything.
	OK       bool
	Problems []string // what is not as it should be; empty if OK
	// Notes say what cannot be checked with this provider and, from Info, which gaps
	// the policy leaves there.
	Notes []string

	Owner  Owner  // of the bucket
	Admin  string // principal of the statement that allows everything
	Target string // principal of the statement with the limited grant
	Keeper string // principal of the statement that may extend locks; "" without one
	// VersionsDenied says that a statement forbids the target user to read and delete
	// versions.
	VersionsDenied bool
	// StrangersDenied says that a statement forbids all others to read objects, which
	// on some servers the ACL of an object could allow them.
	StrangersDenied bool
	// Sealed says that a statement forbids the target user to read file data (data/*):
	// from UnsealedUntil on, always if that is zero. See SealState.
	Sealed        bool
	UnsealedUntil time.Time
	Versioning    Versioning
	// UnfinishedRestore is not nil while Restore has not completed this bucket.
	UnfinishedRestore *RestoreOrigin

	all string // the admin's action, see roles
}

// TargetUser is the user name in Target.
func (c *PolicyCheck) TargetUser() string { return shortName(c.Target) }

// AdminUser is the user name in Admin.
func (c *PolicyCheck) AdminUser() string { return shortName(c.Admin) }

func (c *PolicyCheck) problem(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

// CheckPolicy checks whether a bucket is policed as Create makes it. It returns an
// error only if that cannot be found out: ErrNoBucket, ErrAccessDenied.
func (s *Store) CheckPolicy(ctx context.Context, bucket string) (*PolicyCheck, error) {
	s = s.made()
	config, err := s.bucketConfig(ctx, bucket)
	if err != nil {
		return nil, err
	}
	check := checkPolicy(bucket, config)
	// Whether lifecycle undoes what the policy protects; a host may not know.
	set := &Settings{}
	rules, err := s.Lifecycle(ctx, bucket)
	switch {
	case s3err.Status(err) == http.StatusForbidden:
		return check, nil
	case err != nil:
		return nil, err
	case len(rules) > 0:
		if set, err = s.Settings(ctx, bucket); err != nil {
			return nil, err
		}
	}
	check.take(set)
	return check, nil
}

// take adds what the bucket's settings undo.
func (c *PolicyCheck) take(set *Settings) {
	c.Problems = append(c.Problems, set.Problems...)
	c.OK = len(c.Problems) == 0
}

func checkPolicy(bucket string, f *bucketConfig) *PolicyCheck {
	c := &PolicyCheck{Owner: f.acl.Owner, Versioning: f.versioning}
	defer func() { c.OK = len(c.Problems) == 0 }()

	switch f.versioning {
	case VersioningEnabled:
	case VersioningOff:
		c.problem("versioning was never enabled")
	default:
		c.problem("versioning is %s, not Enabled", s3err.Clip(string(f.versioning)))
	}
	for _, g := range f.acl.Grants {
		if strings.HasSuffix(g.Grantee.URI, "/AllUsers") || strings.HasSuffix(g.Grantee.URI, "/AuthenticatedUsers") {
			c.problem("the bucket's ACL gives %s to %s", g.Permission, shortName(g.Grantee.URI))
		} else if g.Grantee.URI != "" || g.Grantee.ID != f.acl.Owner.ID {
			c.problem("the bucket's ACL gives %s to %s, who is not the owner", s3err.Clip(g.Permission), s3err.Clip(g.Grantee.ID+g.Grantee.URI))
		}
	}
	if f.policy == nil {
		c.problem("there is no bucket policy")
		return c
	}
	grants, err := readPolicy(f.policy)
	if err != nil {
		c.problem("%v", err)
		return c
	}
	c.UnfinishedRestore = unfinishedRestore(bucket, f)
	if c.UnfinishedRestore != nil {
		c.problem("restoring into this bucket has not been completed (%s); run the same restore again", c.UnfinishedRestore)
	}
	var admins, targets, keepers, denials, strangers, seals []grant
	for i, g := range grants {
		if isSeal(bucket, g) {
			seals = append(seals, g)
			continue
		}
		if onlyTLS(bucket, g) {
			continue
		}
		c.checkStatement(i+1, bucket, g)
		switch {
		case g.effect == "Deny" && g.except != nil:
			strangers = append(strangers, g)
		case g.effect == "Deny":
			denials = append(denials, g)
		case slices.Contains(g.actions, "*") || slices.Contains(g.actions, "s3:*"):
			admins = append(admins, g)
		case isKeeper(g):
			keepers = append(keepers, g)
		default:
			targets = append(targets, g)
		}
	}
	if n := len(admins) + len(targets); n != 2 {
		c.problem("the policy has %d statements that allow something, not two", n+len(keepers))
	}
	c.checkRoles(admins, targets)
	c.checkKeeper(keepers)
	c.checkSeals(bucket, seals)
	c.checkDenials(denials)
	c.checkStrangers(strangers)
	return c
}

// checkDenials accepts only a Deny for one of the roles, of actions that it does not
// need.
func (c *PolicyCheck) checkDenials(denials []grant) {
	var denied []string
	for _, g := range denials {
		allowed, role := c.mayDeny(g.principals)
		if !role {
			c.problem("a statement denies something to %s, who is not the target user", s3err.Clip(strings.Join(g.principals, ", ")))
			allowed = deniedActions
		}
		for _, a := range g.actions {
			if !slices.Contains(allowed, a) {
				c.problem("a statement denies %s", s3err.Clip(a))
			}
		}
		if sameSet(g.principals, []string{c.Target}) {
			denied = append(denied, g.actions...)
		}
	}
	c.VersionsDenied = slices.Contains(denied, "s3:GetObjectVersion") && slices.Contains(denied, "s3:DeleteObjectVersion")
}

// onlyTLS reports whether a statement is the usual one that denies requests without
// TLS. It takes nothing from those with a role, and grants nothing.
func onlyTLS(bucket string, g grant) bool {
	if g.effect != "Deny" || !slices.Equal(g.principals, []string{"*"}) || !slices.Equal(g.other, []string{"Condition"}) || !subset(g.resources, resources(bucket)) {
		return false
	}
	text, err := json.Marshal(plain(g.rest["Condition"]))
	return err == nil && (string(text) == `{"Bool":{"aws:SecureTransport":"false"}}` || string(text) == `{"Bool":{"aws:SecureTransport":false}}`)
}

// checkStatement checks what all statements have in common.
func (c *PolicyCheck) checkStatement(n int, bucket string, g grant) {
	if g.effect != "Allow" && g.effect != "Deny" {
		c.problem("statement %d is neither an Allow nor a Deny but %q", n, s3err.Clip(g.effect))
	}
	if len(g.other) > 0 {
		c.problem("statement %d has %s", n, s3err.Clip(strings.Join(g.other, ", ")))
	}
	if !sameSet(g.resources, resources(bucket)) {
		c.problem("statement %d is not on this bucket and its objects but on %s", n, s3err.Clip(strings.Join(g.resources, ", ")))
	}
	switch {
	case g.except != nil && g.effect == "Deny" && g.principals == nil: // see checkStrangers
	case g.except != nil:
		c.problem("statement %d is for everybody but %s", n, s3err.Clip(strings.Join(g.except, ", ")))
	case len(g.principals) != 1:
		c.problem("statement %d is for %d principals, not one", n, len(g.principals))
	case strings.Contains(g.principals[0], "*"):
		c.problem("statement %d is for everybody (%s)", n, s3err.Clip(g.principals[0]))
	case strings.HasPrefix(g.principals[0], "arn:") && !oneUser(g.principals[0]), accountID(g.principals[0]):
		c.problem("statement %d is not for one user but for %s", n, s3err.Clip(g.principals[0]))
	}
}

func (c *PolicyCheck) checkRoles(admins, targets []grant) {
	if len(admins) > 0 && len(admins[0].principals) > 0 {
		c.Admin = admins[0].principals[0]
	}
	if len(targets) > 0 && len(targets[0].principals) > 0 {
		c.Target = targets[0].principals[0]
	}
	switch len(admins) {
	case 0:
		c.problem("no statement allows the admin everything")
	case 1:
		if len(admins[0].actions) == 1 {
			c.all = admins[0].actions[0] // not every server takes "*"
		} else {
			c.problem(`the admin's actions are %s, not "*"`, s3err.Clip(strings.Join(admins[0].actions, ", ")))
		}
	default:
		c.problem("%d statements allow everything", len(admins))
		if c.Target == "" && len(admins[1].principals) > 0 {
			c.Target = admins[1].principals[0]
		}
	}
	switch len(targets) {
	case 0:
		c.problem("no statement gives a target user the limited grant")
	case 1:
		var more, less []string
		for _, a := range targets[0].actions {
			if !slices.Contains(targetActions, a) {
				more = append(more, a)
			}
		}
		for _, a := range targetActions {
			if !slices.Contains(targets[0].actions, a) {
				less = append(less, a)
			}
		}
		if len(more) > 0 {
			c.problem("the target user may also do %s", s3err.Clip(strings.Join(more, ", ")))
		}
		if len(less) > 0 {
			c.problem("the target user may not do %s", s3err.Clip(strings.Join(less, ", ")))
		}
	default:
		c.problem("%d statements give limited grants", len(targets))
	}
	if c.Admin != "" && c.Admin == c.Target {
		c.problem("admin and target user are the same principal %s", s3err.Clip(c.Admin))
	}
	c.checkOwner()
}

func (c *PolicyCheck) checkOwner() {
	if c.Admin == "" {
		return
	}
	want, known := ownerPrincipal(c.Owner.ID)
	switch {
	case c.Owner.ID == "":
		c.problem("the bucket's owner is unknown")
	case c.Admin == want && known, c.Admin == c.Owner.ID, c.Admin == "CanonicalUser:"+c.Owner.ID:
	case accountOwner(c.Owner.ID) && tenantOf(c.Admin) == c.Owner.ID:
		c.Notes = append(c.Notes, "the owner is an account: what its other users may do, their own policies say, too")
	case tenantOf(c.Admin) == zeroAccount && tenantOf(c.Target) == zeroAccount:
		c.Notes = append(c.Notes, "whether the owner is the admin cannot be told from this provider's principals")
	case canonicalID(c.Owner.ID) && strings.HasPrefix(c.Admin, "arn:"):
		if tenantOf(c.Admin) != tenantOf(c.Target) {
			c.problem("admin %s and target %s are of different accounts", s3err.Clip(c.Admin), s3err.Clip(c.Target))
		}
		c.Notes = append(c.Notes, "whether the owner is the admin's account cannot be told from this provider's owner ids")
	default:
		c.problem("the bucket's owner %s is not the admin %s", s3err.Clip(c.Owner.ID), s3err.Clip(c.Admin))
	}
}

func (c *PolicyCheck) note(text string) { c.Notes = append(c.Notes, text) }
