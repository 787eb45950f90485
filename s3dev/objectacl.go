package s3dev

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
)

const allUsers = "http://acs.amazonaws.com/groups/global/AllUsers"

// publicACL reports whether a canned object ACL lets everybody read.
func publicACL(canned string) bool { return canned == "public-read" || canned == "public-read-write" }

// grantHeaders are the headers of a write that grant rights to others.
var grantHeaders = map[string]auth.Permission{
	"X-Amz-Grant-Full-Control": auth.PermissionFullControl,
	"X-Amz-Grant-Read":         auth.PermissionRead,
	"X-Amz-Grant-Read-Acp":     auth.PermissionReadAcp,
	"X-Amz-Grant-Write-Acp":    auth.PermissionWriteAcp,
}

func fullControl(owner string) auth.Grantee {
	return auth.Grantee{Permission: auth.PermissionFullControl, Access: owner, Type: types.TypeCanonicalUser}
}

// grantsOf are the grants of an object, public ones included.
func (v *version) grantsOf() []auth.Grantee {
	if v.ext != nil && v.ext.acl != nil {
		return v.ext.acl
	}
	return []auth.Grantee{fullControl(v.owner)}
}

// objectACLs are the actions that an object's ACL grants by permission.
var objectACLs = map[auth.Permission][]string{
	auth.PermissionRead: {
		"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes",
		"s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:GetObjectRetention", "s3:GetObjectLegalHold",
	},
	auth.PermissionReadAcp:  {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"},
	auth.PermissionWriteAcp: {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"},
	auth.PermissionFullControl: {
		"s3:PutObjectTagging", "s3:PutObjectVersionTagging", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging",
	},
}

// grants reports whether the object's own ACL allows the action.
func (v *version) grants(q *caller, ignorePublic bool, action string) bool {
	ownACL := slices.Contains(objectACLs[auth.PermissionReadAcp], action) || slices.Contains(objectACLs[auth.PermissionWriteAcp], action)
	if q.user != nil && q.owner == v.owner && ownACL {
		return true
	}
	for _, g := range v.grantsOf() {
		everybody := g.Type == types.TypeGroup
		if everybody && ignorePublic || !everybody && (q.user == nil || g.Access != q.owner) {
			continue
		}
		for permission, actions := range objectACLs {
			if (g.Permission == permission || g.Permission == auth.PermissionFullControl) && slices.Contains(actions, action) {
				return true
			}
		}
	}
	return false
}

// applyObjectACL applies the ACL headers of a write. The front end ignores
// them; RGW lets a writer of an object publish it that way.
func (m *memory) applyObjectACL(ctx context.Context, b *bucket, v *version) error {
	rc := requestCtx(ctx)
	if rc == nil {
		return nil
	}
	grants, err := m.aclOf(v.owner, b, func(name string) string { return string(rc.Request.Header.Peek(name)) })
	if err == nil && grants != nil {
		v.extend().acl = grants
	}
	return err
}

// aclOf reads the ACL headers of a request; nil is none.
func (m *memory) aclOf(owner string, b *bucket, header func(string) string) (grants []auth.Grantee, err error) {
	canned := header("X-Amz-Acl")
	public := publicACL(canned)
	for _, name := range sortedKeys(grantHeaders) {
		for _, one := range strings.Split(header(name), ",") {
			kind, who, ok := strings.Cut(strings.TrimSpace(one), "=")
			who = strings.Clone(strings.Trim(who, `"' `))
			switch {
			case !ok:
				continue
			case kind == "uri" && who == allUsers:
				public = public || grantHeaders[name] == auth.PermissionRead || grantHeaders[name] == auth.PermissionFullControl
			case kind == "id":
				if _, known := m.ids.byOwner[who]; !known {
					return nil, s3Error(400, "InvalidArgument", "Invalid id")
				}
				grants = append(grants, auth.Grantee{Permission: grantHeaders[name], Access: who, Type: types.TypeCanonicalUser})
			default:
				return nil, s3Error(400, "InvalidArgument", "Unsupported grantee")
			}
		}
	}
	switch {
	case b.ownership == types.ObjectOwnershipBucketOwnerEnforced:
		if len(grants) > 0 || public {
			return nil, s3Error(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
		}
		return nil, nil
	case public && b.blockPublicACLs:
		return nil, errDenied
	case public:
		grants = append(grants, auth.Grantee{Permission: auth.PermissionRead, Access: "all-users", Type: types.TypeGroup})
		if canned != "" {
			grants = append(grants, fullControl(owner))
		}
	case canned == "bucket-owner-full-control" || canned == "bucket-owner-read":
		permission := auth.PermissionFullControl
		if canned == "bucket-owner-read" {
			permission = auth.PermissionRead
		}
		grants = append(grants, fullControl(owner),
			auth.Grantee{Permission: permission, Access: b.owner, Type: types.TypeCanonicalUser})
	case canned == "authenticated-read":
		for _, id := range sortedKeys(m.ids.byOwner) {
			grants = append(grants, auth.Grantee{Permission: auth.PermissionRead, Access: id, Type: types.TypeCanonicalUser})
		}
		grants = append(grants, fullControl(owner))
	case canned != "":
		grants = append(grants, fullControl(owner))
	}
	return grants, nil
}

func (m *memory) PutObjectAcl(ctx context.Context, in *s3.PutObjectAclInput) error {
	return m.change(*in.Bucket, func(b *bucket) error {
		versionID := ""
		header := func(name string) string { return map[string]string{"X-Amz-Acl": string(in.ACL)}[name] }
		if q := callerOf(ctx); q != nil {
			versionID, header = q.versionID, func(name string) string { return q.c.Get(name) }
		}
		v, err := b.find(disarm(*in.Key), versionID)
		if err != nil {
			return err
		}
		grants, err := m.aclOf(v.owner, b, header)
		if err == nil {
			v.extend().acl = grants
		}
		return err
	})
}

func (m *memory) GetObjectAcl(ctx context.Context, in *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) {
	return read(m, *in.Bucket, func(b *bucket) (*s3.GetObjectAclOutput, error) {
		versionID := ""
		if q := callerOf(ctx); q != nil {
			versionID = q.versionID
		}
		v, err := b.find(disarm(*in.Key), versionID)
		if err != nil {
			return nil, err
		}
		name := m.ids.displayName(v.owner)
		out := &s3.GetObjectAclOutput{Owner: &types.Owner{ID: &v.owner, DisplayName: &name}}
		for _, g := range v.grantsOf() {
			grantee := &types.Grantee{Type: g.Type}
			if g.Type == types.TypeGroup {
				uri := allUsers
				grantee.URI = &uri
			} else {
				name := m.ids.displayName(g.Access)
				grantee.ID, grantee.DisplayName = &g.Access, &name
			}
			out.Grants = append(out.Grants, types.Grant{Grantee: grantee, Permission: types.Permission(g.Permission)})
		}
		return out, nil
	})
}
