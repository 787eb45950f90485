package s3state

import (
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// strangerActions are what an object's ACL can allow others. The host chooses that ACL
// when it uploads the object, by one of many headers and requests; so what it allows is
// denied, not choosing it.
var strangerActions = []string{
	"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAcl", "s3:GetObjectVersionAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl",
}

// strangers forbids everybody without a role what an object's ACL could allow.
func (p rolesPolicy) strangers() policyStatement {
	roles := []string{p.admin, p.target}
	if p.keeper != "" {
		roles = append(roles, p.keeper)
	}
	return policyStatement{
		Effect: "Deny", Except: map[string][]string{"AWS": roles}, Action: strangerActions, Resource: resources(p.bucket),
	}
}

// checkStrangers accepts a Deny for everybody but those with a role, who may not be
// missing in it: they would be denied, too.
func (c *PolicyCheck) checkStrangers(denials []grant) {
	var roles []string
	for _, role := range []string{c.Admin, c.Target, c.Keeper} {
		if role != "" {
			roles = append(roles, role)
		}
	}
	for _, g := range denials {
		for _, role := range roles {
			if !slices.Contains(g.except, role) {
				c.problem("a statement denies %s to all but some, and %s is not among them", s3err.Clip(strings.Join(g.actions, ", ")), s3err.Clip(role))
			}
		}
		all := true
		for _, name := range g.except {
			all = all && slices.Contains(roles, name)
		}
		c.StrangersDenied = c.StrangersDenied || all && slices.Contains(g.actions, "s3:GetObject") && slices.Contains(g.actions, "s3:GetObjectVersion")
	}
}
