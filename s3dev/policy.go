package s3dev

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"slices"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// unaskedActions are S3's, but the front end neither knows nor asks for them: ACLs of
// versions are to it ACLs of objects.
var unaskedActions = []any{"s3:GetObjectVersionAcl", "s3:PutObjectVersionAcl"}

// explicitActions rewrites the actions of each statement as the front end knows
// them: "*" to "s3:*", and without those it never asks for.
func explicitActions(policy []byte) (rewritten []byte, changed bool) {
	var doc map[string]any
	if json.Unmarshal(policy, &doc) != nil {
		return policy, false
	}
	statements, _ := doc["Statement"].([]any)
	if one, ok := doc["Statement"].(map[string]any); ok {
		statements = []any{one}
	}
	for _, s := range statements {
		statement, ok := s.(map[string]any)
		if !ok {
			continue
		}
		switch action := statement["Action"].(type) {
		case string:
			if action == "*" {
				statement["Action"], changed = "s3:*", true
			}
		case []any:
			for i := range action {
				if action[i] == "*" {
					action[i], changed = "s3:*", true
				}
			}
			asked := slices.DeleteFunc(slices.Clone(action), func(a any) bool { return slices.Contains(unaskedActions, a) })
			if len(asked) > 0 && len(asked) < len(action) {
				statement["Action"], changed = asked, true
			}
		}
	}
	rewritten, err := json.Marshal(doc)
	return rewritten, changed && err == nil
}

// allowed checks the requester of a bucket operation that the front end
// authenticates but does not know. Without a policy it is the owner's.
func (m *memory) allowed(c fiber.Ctx, name string, action auth.Action) error {
	account, _ := utils.ContextKeyAccount.Get(c).(auth.Account)
	acl, _ := utils.ContextKeyParsedAcl.Get(c).(auth.ACL)
	_, err := m.GetBucketPolicy(c.RequestCtx(), name)
	if errors.Is(err, s3err.GetAPIError(s3err.ErrNoSuchBucketPolicy)) && account.Access != acl.Owner {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return auth.VerifyAccess(c, m, auth.AccessOptions{
		Acl: acl, AclPermission: auth.PermissionWrite, Acc: account, Bucket: name,
		Actions: []auth.Action{action}, Iam: m.ids,
	})
}

// stored serves a configuration that is kept as it was put.
func (m *memory) stored(c fiber.Ctx, name string, read, write auth.Action, missing string, field func(*settings) *[]byte) error {
	action := write
	if c.Method() == fiber.MethodGet {
		action = read
	}
	if err := m.allowed(c, name, action); err != nil {
		return err
	}
	switch c.Method() {
	case fiber.MethodGet:
		b, err := m.bucket(name)
		if err != nil {
			return err
		}
		b.mu.RLock()
		data := *field(&b.settings)
		b.mu.RUnlock()
		if data == nil {
			return s3err.APIError{Code: missing, Description: "The configuration does not exist.", HTTPStatusCode: fiber.StatusNotFound}
		}
		c.Response().Header.SetContentType(fiber.MIMEApplicationXML)
		return c.Status(fiber.StatusOK).Send(data)
	case fiber.MethodPut:
		data := slices.Clone(c.Request().Body())
		if xml.Unmarshal(data, new(any)) != nil || len(data) == 0 {
			return s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		c.Response().ResetBody()
		c.Status(fiber.StatusOK)
		return m.change(name, func(b *bucket) error { *field(&b.settings) = data; return nil })
	default:
		c.Response().ResetBody()
		c.Status(fiber.StatusNoContent)
		return m.change(name, func(b *bucket) error { *field(&b.settings) = nil; return nil })
	}
}

// lifecycle rules are kept and returned; nothing ever expires by them.
func (m *memory) lifecycle(c fiber.Ctx, name string) error {
	return m.stored(c, name, auth.GetLifecycleConfigurationAction, auth.PutLifecycleConfigurationAction,
		"NoSuchLifecycleConfiguration", func(s *settings) *[]byte { return &s.lifecycle })
}

// publicAccessBlock keeps the configuration and obeys IgnorePublicAcls and
// BlockPublicAcls in it; its rules about public policies are not implemented.
func (m *memory) publicAccessBlock(c fiber.Ctx, name string) error {
	if err := m.stored(c, name, auth.GetBucketPublicAccessBlockAction, auth.PutBucketPublicAccessBlockAction,
		"NoSuchPublicAccessBlockConfiguration", func(s *settings) *[]byte { return &s.access }); err != nil {
		return err
	}
	return m.change(name, func(b *bucket) error {
		var config struct{ IgnorePublicAcls, BlockPublicAcls bool }
		if b.access != nil {
			if err := xml.Unmarshal(b.access, &config); err != nil {
				return s3err.GetAPIError(s3err.ErrMalformedXML)
			}
		}
		b.ignorePublicACLs, b.blockPublicACLs = config.IgnorePublicAcls, config.BlockPublicAcls
		return nil
	})
}
