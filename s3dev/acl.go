package s3dev

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
)

// mendACL writes an ACL the way S3 does: with display names, and groups by
// their URI.
func (m *memory) mendACL(c fiber.Ctx, bucket, key string) {
	var owner string
	var grants []auth.Grantee
	if key == "" {
		b, err := m.bucket(bucket)
		if err != nil {
			return
		}
		b.mu.RLock()
		acl, err := auth.ParseACL(b.acl)
		b.mu.RUnlock()
		if err != nil {
			return
		}
		owner, grants = acl.Owner, acl.Grantees
	} else {
		out, err := m.GetObjectAcl(c.RequestCtx(), &s3.GetObjectAclInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return
		}
		owner = *out.Owner.ID
		for _, g := range out.Grants {
			grants = append(grants, auth.Grantee{
				Permission: auth.Permission(g.Permission), Access: deref(g.Grantee.ID), Type: g.Grantee.Type,
			})
		}
	}
	x := newXML(context.Background(), "AccessControlPolicy")
	x.owner(m, owner)
	x.open("AccessControlList")
	for _, g := range grants {
		x.open("Grant")
		x.open(`Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="` + string(g.Type) + `"`)
		if g.Type == types.TypeGroup {
			x.text("URI", allUsers)
		} else {
			x.text("ID", g.Access)
			x.text("DisplayName", m.ids.displayName(g.Access))
		}
		x.close("Grantee")
		x.text("Permission", string(g.Permission))
		x.close("Grant")
	}
	x.close("AccessControlList")
	x.close("AccessControlPolicy")
	c.Response().SetBodyRaw(x.buf)
}
