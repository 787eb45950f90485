package s3dev

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// The front end checks signatures; who may do what is decided here, because
// its policies know neither the server's clock nor the conditions and holes
// of real servers. gate is called once for each request, between the two.

const (
	gateKey     = "s3dev-gate"
	callerKey   = "s3dev-caller"
	resourceKey = "s3dev-resource"
)

// resource is what a request's path names.
type resource struct{ bucket, key string }

// caller is the request as the gate found it.
type caller struct {
	c           fiber.Ctx
	method      string
	bucket, key string // as the client meant them
	versionID   string
	user        *User  // nil for an anonymous request
	owner       string // owner id of the user
	lock        lockRequest
	now         time.Time
}

// gate judges a request whose signature was found in order and takes over
// what the front end cannot do. The error is the answer.
func (m *memory) gate(rc *fasthttp.RequestCtx) error {
	if rc == nil {
		return nil
	}
	c, ok := rc.UserValue(frontContext).(fiber.Ctx)
	if !ok || rc.UserValue(gateKey) != nil {
		return nil
	}
	rc.SetUserValue(gateKey, true)
	q := m.caller(c)
	rc.SetUserValue(callerKey, q)
	// What follows in the front end is settled here.
	utils.ContextKeyIsRoot.Set(c, true)
	if _, err := m.bucket(q.bucket); err != nil {
		return err
	}
	if err := m.authorize(q); err != nil {
		return err
	}
	q.lock.take(c, m.clock.Now())
	m.hideChecksums(q)
	armorCopySource(rc)
	return m.takeOver(q)
}

func (m *memory) caller(c fiber.Ctx) *caller {
	rc := c.RequestCtx()
	// The front end has unescaped the path by now.
	at, _ := rc.UserValue(resourceKey).(resource)
	q := &caller{
		c: c, method: string(rc.Method()), bucket: at.bucket, key: at.key, owner: "anonymous", now: m.clock.Now(),
		versionID: string(rc.QueryArgs().Peek("versionId")),
	}
	if account, ok := utils.ContextKeyAccount.Get(c).(auth.Account); ok && account.Access != "" {
		u := m.ids.byARN[account.Arn]
		q.user, q.owner = &u, account.Access
	}
	return q
}

// callerOf is the request behind a context, nil for calls from elsewhere.
func callerOf(ctx context.Context) *caller {
	rc := requestCtx(ctx)
	if rc == nil {
		return nil
	}
	q, _ := rc.UserValue(callerKey).(*caller)
	return q
}

// has reports whether the query names a subresource.
func (q *caller) has(name string) bool { return q.c.RequestCtx().QueryArgs().Has(name) }

var errDenied = s3err.GetAPIError(s3err.ErrAccessDenied)

func (m *memory) authorize(q *caller) error {
	for _, action := range m.actions(q) {
		if err := m.may(q, q.bucket, q.key, q.versionID, action); err != nil {
			return err
		}
	}
	source := q.c.Get("X-Amz-Copy-Source")
	if q.method != fiber.MethodPut || q.key == "" || source == "" || len(q.subresources()) > 0 && !q.has("partNumber") {
		return nil
	}
	src, err := parseSource(source)
	if err != nil {
		return err
	}
	if _, err := m.bucket(src.bucket); err != nil {
		return err
	}
	if m.traits.FreePartCopy && q.has("partNumber") {
		return m.mayByACL(q, src.bucket, src.key, src.versionID, "s3:GetObject")
	}
	action := "s3:GetObject"
	if src.versionID != "" {
		action = "s3:GetObjectVersion"
	}
	return m.may(q, src.bucket, src.key, src.versionID, action)
}

// subresources are those in the query that change what a request does.
func (q *caller) subresources() (out []string) {
	for _, name := range []string{"acl", "tagging", "retention", "legal-hold", "uploadId", "uploads", "restore", "select", "attributes"} {
		if q.has(name) {
			out = append(out, name)
		}
	}
	return out
}

// may decides about one action on a bucket, or on an object in it.
func (m *memory) may(q *caller, bucketName, key, versionID, action string) error {
	b, err := m.bucket(bucketName)
	if err != nil {
		return err
	}
	b.mu.RLock()
	policy, hasPolicy := b.parsed, b.policyText != nil
	b.mu.RUnlock()
	resource := bucketName
	if key != "" {
		resource += "/" + key
	}
	switch policy.eval(asked{action, resource, q.user, m.env(q, b, key, versionID, action)}, m.traits) {
	case allow:
		return nil
	case deny:
		return errDenied
	}
	if hasPolicy && !m.traits.ObjectACLs && q.user != nil {
		return errDenied
	}
	return m.mayByACL(q, bucketName, key, versionID, action)
}

// decide is the policy's own answer about an action, ACLs left aside.
func (m *memory) decide(q *caller, b *bucket, key, versionID, action string) decision {
	b.mu.RLock()
	policy := b.parsed
	b.mu.RUnlock()
	return policy.eval(asked{action, b.name + "/" + key, q.user, m.env(q, b, key, versionID, action)}, m.traits)
}

// bucketACLs are the actions that a bucket's ACL grants by permission.
var bucketACLs = map[auth.Permission][]string{
	auth.PermissionRead:     {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"},
	auth.PermissionWrite:    {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
	auth.PermissionReadAcp:  {"s3:GetBucketAcl"},
	auth.PermissionWriteAcp: {"s3:PutBucketAcl"},
}

// mayByACL decides by ACLs: the bucket's owner may do everything that the
// objects' ACLs do not keep from him, a grantee what was granted.
func (m *memory) mayByACL(q *caller, bucketName, key, versionID, action string) error {
	b, err := m.bucket(bucketName)
	if err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if q.user != nil && q.owner == b.owner {
		return nil
	}
	if acl, err := auth.ParseACL(b.acl); err == nil {
		for _, g := range acl.Grantees {
			everybody := g.Type == types.TypeGroup
			if everybody && b.ignorePublicACLs || !everybody && (q.user == nil || g.Access != q.owner) {
				continue
			}
			for permission, actions := range bucketACLs {
				if (g.Permission == permission || g.Permission == auth.PermissionFullControl) && slices.Contains(actions, action) {
					return nil
				}
			}
		}
	}
	if key == "" {
		return errDenied
	}
	v, err := b.find(key, versionID)
	if v == nil || err != nil && versionID == "" {
		return errDenied
	}
	if !m.traits.ObjectACLs && q.user != nil {
		return errDenied
	}
	if v.grants(q, b.ignorePublicACLs, action) {
		return nil
	}
	return errDenied
}
