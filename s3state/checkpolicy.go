package s3state

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// PolicyCheck is what CheckPolicy found.
type PolicyCheck struct {
	// OK says that the bucket is policed: versioned, owned by the admin, and
	// its policy gives the target exactly what a host needs and nobody else
	// anything.
	OK       bool
	Problems []string // what is not as it should be; empty if OK
	// Notes say what could not be checked with this provider and, from Info, what the
	// policy leaves open on it.
	Notes []string

	Owner  Owner  // of the bucket
	Admin  string // principal of the statement that allows everything
	Target string // principal of the statement with the limited grant
	// VersionsDenied says that a statement forbids the target to read and delete
	// versions, whatever the server would let it do otherwise.
	VersionsDenied bool
	// Versioning is Enabled, Suspended or "" as the server answers.
	Versioning string
	// UnfinishedRestore is not nil while Restore has not completed this bucket.
	UnfinishedRestore *RestoreOrigin
}

// TargetUser is the user name in Target.
func (c *PolicyCheck) TargetUser() string { return shortName(c.Target) }

// AdminUser is the user name in Admin.
func (c *PolicyCheck) AdminUser() string { return shortName(c.Admin) }

func (c *PolicyCheck) problem(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

// CheckPolicy tells whether a bucket is policed as Create makes it. The error
// says that it could not be found out; ErrNoBucket, ErrAccessDenied.
func (s *Store) CheckPolicy(ctx context.Context, bucket string) (*PolicyCheck, error) {
	facts, err := s.facts(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return checkPolicy(bucket, facts), nil
}

// facts is what the server says about a bucket as a whole.
type facts struct {
	acl        ACL
	policy     []byte // nil if there is none
	versioning string
}

func (s *Store) facts(ctx context.Context, bucket string) (*facts, error) {
	if err := checkBucketName(bucket); err != nil {
		return nil, err
	}
	var f facts
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f.acl, err = s.getACL(ctx, bucket); return err })
	g.Go(func() (err error) { f.policy, err = s.getPolicy(ctx, bucket); return err })
	g.Go(func() (err error) { f.versioning, err = s.getVersioning(ctx, bucket); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &f, nil
}

func checkPolicy(bucket string, f *facts) *PolicyCheck {
	c := &PolicyCheck{Owner: f.acl.Owner, Versioning: f.versioning}
	defer func() { c.OK = len(c.Problems) == 0 }()

	switch f.versioning {
	case "Enabled":
	case "":
		c.problem("versioning was never enabled")
	default:
		c.problem("versioning is %s, not Enabled", clip(f.versioning))
	}
	for _, g := range f.acl.Grants {
		if strings.HasSuffix(g.Grantee.URI, "/AllUsers") || strings.HasSuffix(g.Grantee.URI, "/AuthenticatedUsers") {
			c.problem("the bucket's ACL gives %s to %s", g.Permission, shortName(g.Grantee.URI))
		} else if g.Grantee.URI != "" || g.Grantee.ID != f.acl.Owner.ID {
			c.problem("the bucket's ACL gives %s to %s, who is not the owner", clip(g.Permission), clip(g.Grantee.ID+g.Grantee.URI))
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
	var admins, targets, denials []grant
	for i, g := range grants {
		c.checkStatement(i+1, bucket, g)
		switch {
		case g.effect == "Deny":
			denials = append(denials, g)
		case slices.Contains(g.actions, "*") || slices.Contains(g.actions, "s3:*"):
			admins = append(admins, g)
		default:
			targets = append(targets, g)
		}
	}
	if n := len(grants) - len(denials); n != 2 {
		c.problem("the policy has %d statements that allow something, not two", n)
	}
	c.checkRoles(admins, targets)
	c.checkDenials(denials)
	return c
}

// checkDenials accepts a Deny that takes nothing from anybody but the host, and
// from the host nothing it needs.
func (c *PolicyCheck) checkDenials(denials []grant) {
	var denied []string
	for _, g := range denials {
		if c.Target == "" || !sameSet(g.principals, []string{c.Target}) {
			c.problem("a statement denies something to %s, who is not the target user", clip(strings.Join(g.principals, ", ")))
		}
		for _, a := range g.actions {
			if !slices.Contains(deniedActions, a) {
				c.problem("a statement denies %s", clip(a))
			}
		}
		denied = append(denied, g.actions...)
	}
	c.VersionsDenied = slices.Contains(denied, "s3:GetObjectVersion") && slices.Contains(denied, "s3:DeleteObjectVersion")
}

// checkStatement checks what all statements have in common.
func (c *PolicyCheck) checkStatement(n int, bucket string, g grant) {
	if g.effect != "Allow" && g.effect != "Deny" {
		c.problem("statement %d is neither an Allow nor a Deny but %q", n, clip(g.effect))
	}
	if len(g.other) > 0 {
		c.problem("statement %d has %s", n, clip(strings.Join(g.other, ", ")))
	}
	if !sameSet(g.resources, resources(bucket)) {
		c.problem("statement %d is not on this bucket and its objects but on %s", n, clip(strings.Join(g.resources, ", ")))
	}
	switch {
	case len(g.principals) != 1:
		c.problem("statement %d is for %d principals, not one", n, len(g.principals))
	case strings.Contains(g.principals[0], "*"):
		c.problem("statement %d is for everybody (%s)", n, clip(g.principals[0]))
	case strings.HasPrefix(g.principals[0], "arn:") && !oneUser(g.principals[0]), accountID(g.principals[0]):
		c.problem("statement %d is not for one user but for %s", n, clip(g.principals[0]))
	}
}

// accountID is another way of AWS to say arn:aws:iam::ACCOUNT:root.
func accountID(principal string) bool {
	return len(principal) == 12 && strings.Trim(principal, "0123456789") == ""
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
		if !sameSet(admins[0].actions, []string{"*"}) {
			c.problem(`the admin's actions are %s, not "*"`, clip(strings.Join(admins[0].actions, ", ")))
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
			c.problem("the target user may also do %s", clip(strings.Join(more, ", ")))
		}
		if len(less) > 0 {
			c.problem("the target user may not do %s", clip(strings.Join(less, ", ")))
		}
	default:
		c.problem("%d statements give limited grants", len(targets))
	}
	if c.Admin != "" && c.Admin == c.Target {
		c.problem("admin and target user are the same principal %s", clip(c.Admin))
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
	case canonicalID(c.Owner.ID) && strings.HasPrefix(c.Admin, "arn:"):
		if tenantOf(c.Admin) != tenantOf(c.Target) {
			c.problem("admin %s and target %s are of different accounts", clip(c.Admin), clip(c.Target))
		}
		c.Notes = append(c.Notes, "whether the owner is the admin's account cannot be told from this provider's owner ids")
	default:
		c.problem("the bucket's owner %s is not the admin %s", clip(c.Owner.ID), clip(c.Admin))
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
