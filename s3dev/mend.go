package s3dev

import (
	"bytes"
	"encoding/xml"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// mend corrects an answer of the front end, after it has checked the
// signature, and answers what it does not know.
func (m *memory) mend(c fiber.Ctx, bucket, key string) {
	status := c.Response().StatusCode()
	if text, ok := c.RequestCtx().UserValue(bodyKey).([]byte); ok && status == fiber.StatusOK {
		c.Response().SetBodyRaw(text)
		c.Response().Header.SetContentType(fiber.MIMEApplicationXML)
		return
	}
	args := c.RequestCtx().QueryArgs()
	switch {
	case args.Has("acl") && c.Method() == fiber.MethodGet && status == fiber.StatusOK:
		m.mendACL(c, bucket, key)
	case args.Has("policy") && key == "":
		m.mendPolicy(c, bucket)
	case args.Has("retention") && c.Method() == fiber.MethodGet && status == fiber.StatusOK:
		body := bytes.ReplaceAll(c.Response().Body(), []byte("ObjectLockRetention>"), []byte("Retention>"))
		c.Response().SetBody(body)
	case args.Has("delete") && c.Method() == fiber.MethodPost && status == fiber.StatusOK:
		mendQuiet(c)
	case key == "" && args.Has("lifecycle") && status == fiber.StatusNotImplemented:
		m.answer(c, m.lifecycle(c, bucket))
	case key == "" && args.Has("publicAccessBlock") && status == fiber.StatusNotImplemented:
		m.answer(c, m.publicAccessBlock(c, bucket))
	}
}

// answer replaces the front end's answer by an error, if there is one.
func (m *memory) answer(c fiber.Ctx, err error) {
	if err == nil {
		return
	}
	var known s3err.S3Error
	known, ok := err.(s3err.S3Error)
	if !ok {
		known = s3err.GetAPIError(s3err.ErrInternalError)
	}
	requestID, hostID := utils.EnsureRequestIDs(c)
	c.Status(known.StatusCode())
	c.Response().Header.SetContentType(fiber.MIMEApplicationXML)
	c.Response().SetBody(known.XMLBody(requestID, hostID))
}

// mendQuiet leaves out the successes of a quiet batch delete.
func mendQuiet(c fiber.Ctx) {
	var in struct{ Quiet bool }
	if xml.Unmarshal(c.Request().Body(), &in) != nil || !in.Quiet {
		return
	}
	var out s3response.DeleteResult
	if xml.Unmarshal(c.Response().Body(), &out) != nil {
		return
	}
	out.Deleted = nil
	if body, err := xml.Marshal(out); err == nil {
		c.Response().SetBody(append([]byte(xml.Header), body...))
	}
}

// mendPolicy lets "*" stand for all actions, which the front end only knows
// as "s3:*", and gives a policy back word for word.
func (m *memory) mendPolicy(c fiber.Ctx, name string) {
	status := c.Response().StatusCode()
	switch {
	case c.Method() == fiber.MethodGet && status == fiber.StatusOK:
		text, err := read(m, name, func(b *bucket) ([]byte, error) { return b.policyText, nil })
		if err == nil && text != nil {
			c.Response().SetBody(text)
		}
	case c.Method() == fiber.MethodPut && status == fiber.StatusBadRequest:
		// The front end looks at the policy last, once the signature and the
		// right to set it were found in order.
		if !bytes.Contains(c.Response().Body(), []byte("<Code>MalformedPolicy</Code>")) {
			return
		}
		text := c.Request().Body()
		enforced, changed := explicitActions(text)
		if !changed || auth.ValidatePolicyDocument(enforced, name, m.ids) != nil {
			return
		}
		if err := m.putPolicy(name, text, enforced); err != nil {
			m.answer(c, err)
			return
		}
		c.Response().ResetBody()
		c.Status(fiber.StatusNoContent)
	}
}
