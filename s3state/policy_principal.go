package s3state

import (
	"context"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// roles are the principals of a bucket's policy, in one of the forms in which servers
// name users.
type roles struct {
	admin, target string
	keeper        string // "" without one
	all           string // the action that means everything; "" for "*"
}

// adminStatement allows the admin everything.
func (r roles) adminStatement(bucket string) policyStatement {
	st := adminStatement(bucket, r.admin)
	if r.all != "" {
		st.Action = []string{r.all}
	}
	return st
}

// zeroAccount is the account of every user on SeaweedFS.
const zeroAccount = "000000000000"

// adminBeside is the admin's principal beside that of another user. SeaweedFS's ID of
// an owner is the name alone, and the account stands only in the ARNs of its users.
func adminBeside(admin, user string) string {
	if tenantOf(user) == zeroAccount && strings.HasPrefix(admin, userARN("", "")) {
		return userARN(zeroAccount, shortName(admin))
	}
	return admin
}

// forms are the roles in the forms that servers take, in the order in which they are
// tried (setTried): as base has them, which is what Ceph and AWS take, and where users
// were given by their names, as SeaweedFS and as versitygw name them. Which one a
// server takes is found out nowhere else.
func (s *Store) forms(base roles, user, keeper string, ceph bool) []roles {
	if ceph {
		return []roles{base}
	}
	list := []roles{base}
	if named := !strings.Contains(user+keeper, ":") && !strings.HasPrefix(s.adminPrincipal, "arn:"); named && strings.HasPrefix(base.admin, "arn:") {
		other := func(form func(name string) string) {
			r := roles{admin: form(shortName(base.admin)), target: form(user)}
			if keeper != "" {
				r.keeper = form(keeper)
			}
			list = append(list, r)
		}
		if tenantOf(base.admin) == "" {
			// Only Ceph has users of no tenant. SeaweedFS takes their ARNs, too, but
			// they mean nobody there, so they are not tried.
			list = nil
			other(func(name string) string { return userARN(zeroAccount, name) })
			other(func(name string) string { return name })
		} else {
			other(func(name string) string { return userARN(zeroAccount, name) })
		}
	}
	var all []roles
	for _, r := range list {
		some := r
		some.all = "s3:*"
		all = append(all, r, some)
	}
	return all
}

// only is for police: the form is known.
func only(who roles) func(bool) []roles { return func(bool) []roles { return []roles{who} } }

// accountOwner recognises an account of Ceph as an owner: its users own nothing by
// themselves.
func accountOwner(id string) bool {
	digits, ok := strings.CutPrefix(id, "RGW")
	return ok && len(digits) == 17 && strings.Trim(digits, "0123456789") == ""
}

// ownerIsAdmin reports whether the owner's ID is the admin's alone, not that of an
// account with many users.
func (c *PolicyCheck) ownerIsAdmin() bool {
	id := c.Owner.ID
	if tenantOf(c.Admin) == zeroAccount {
		return id != "" && id == shortName(c.Admin)
	}
	return id != "" && !accountOwner(id) && !canonicalID(id)
}

// userARN is how policies of Ceph RGW (and AWS, where the tenant is the
// account) name a user.
func userARN(tenant, name string) string { return "arn:aws:iam::" + tenant + ":user/" + name }

// ownerPrincipal turns the owner id of a bucket on Ceph RGW, TENANT$USER or
// USER, into the principal's ARN. The long hexadecimal ids of AWS say nothing
// about the principal.
func ownerPrincipal(id string) (arn string, ok bool) {
	if id == "" || canonicalID(id) || strings.HasPrefix(id, "arn:") {
		return id, strings.HasPrefix(id, "arn:")
	}
	tenant, name, found := strings.Cut(id, "$")
	if !found {
		tenant, name = "", id
	}
	return userARN(tenant, name), name != ""
}

func canonicalID(id string) bool {
	if len(id) != 64 {
		return false
	}
	return strings.Trim(id, "0123456789abcdef") == ""
}

// tenantOf is the tenant (or AWS account) in a user's ARN.
func tenantOf(principal string) string {
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// shortName is the user's name without the rest of the ARN.
func shortName(principal string) string {
	if i := strings.LastIndexByte(principal, '/'); i >= 0 {
		return principal[i+1:]
	}
	return principal
}

// oneUser reports whether an ARN names a single user or role, not a whole account
// (…:root), a group or a pattern.
func oneUser(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || strings.ContainsAny(arn, "*? \t\r\n\"") || shortName(arn) == "" {
		return false
	}
	return strings.HasPrefix(parts[5], "user/") || strings.HasPrefix(parts[5], "role/")
}

// targetPrincipal is the principal of a user given by name, in the admin's
// tenant, or of one given as an ARN.
func targetPrincipal(user, admin string) (string, error) {
	if strings.HasPrefix(user, "arn:") {
		if !oneUser(user) {
			return "", fmt.Errorf("%w: %q is not the ARN of one user, arn:aws:iam::TENANT:user/NAME", ErrInvalid, user)
		}
		return user, nil
	}
	if user == "" || strings.ContainsAny(user, "*?$:/ \t\r\n\"\\<>&") {
		return "", fmt.Errorf("%w: %q is not a user name; give the name without its tenant, or an ARN", ErrInvalid, user)
	}
	if !strings.Contains(admin, ":") && admin != "" {
		return user, nil // servers that name users by their keys
	}
	if !strings.HasPrefix(admin, "arn:") {
		return "", fmt.Errorf("%w: give the target user as an ARN, for the admin's principal %q is none", ErrInvalid, admin)
	}
	return userARN(tenantOf(admin), user), nil
}

// accountID reports whether a principal is AWS's short form of
// arn:aws:iam::ACCOUNT:root.
func accountID(principal string) bool {
	return len(principal) == 12 && strings.Trim(principal, "0123456789") == ""
}

// principals finds out who the caller is and who the target user will be, so
// that bad input is refused before anything is made. admin is "" if the server
// does not tell.
func (s *Store) principals(ctx context.Context, targetUser string) (admin, target string, err error) {
	admin = s.adminPrincipal
	if !strings.Contains(admin, ":") {
		owner, _, err := s.ownBuckets(ctx)
		switch {
		case s3err.Forbidden(err):
			// Not everybody may list buckets. The new bucket's ACL tells the owner,
			// too.
			_, err := targetPrincipal(targetUser, userARN("", "admin"))
			return "", "", err
		case err != nil:
			return "", "", err
		}
		if admin, err = s.adminOf(owner); err != nil {
			return "", "", err
		}
	}
	target, err = targetPrincipal(targetUser, admin)
	if err != nil {
		return "", "", err
	}
	if admin = adminBeside(admin, target); target == admin {
		return "", "", fmt.Errorf("%w: the target user is the admin, %s; if these are the host's credentials, use the admin's; else name another user: a host needs credentials of its own", ErrInvalid, admin)
	}
	return admin, target, nil
}

// principalsOf is principals for a bucket that exists already.
func (s *Store) principalsOf(ctx context.Context, bucket, targetUser string) (admin, target string, err error) {
	acl, err := s.getACL(ctx, bucket)
	if err != nil {
		return "", "", err
	}
	if admin, err = s.adminOf(acl.Owner); err != nil {
		return "", "", err
	}
	target, err = targetPrincipal(targetUser, admin)
	if admin = adminBeside(admin, target); err == nil && target == admin {
		err = fmt.Errorf("%w: the target user is the admin, %s: a host needs credentials of its own", ErrInvalid, admin)
	}
	return admin, target, err
}

func (s *Store) adminOf(owner Owner) (string, error) {
	switch {
	case s.adminPrincipal != "" && accountOwner(owner.ID) && !strings.Contains(s.adminPrincipal, ":"):
		return userARN(owner.ID, s.adminPrincipal), nil
	case s.adminPrincipal != "":
		return s.adminPrincipal, nil
	case accountOwner(owner.ID):
		return "", fmt.Errorf("%w: the owner is the account %s; say which of its users is the admin, with --admin NAME (WithAdminPrincipal)", ErrInvalid, owner.ID)
	}
	arn, known := ownerPrincipal(owner.ID)
	if !known {
		return "", fmt.Errorf("%w: the admin's principal cannot be told from the owner id %q here; give it with --admin ARN (WithAdminPrincipal)", ErrInvalid, owner.ID)
	}
	return arn, nil
}
