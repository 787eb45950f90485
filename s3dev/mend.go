package s3dev

import (
	"encoding/xml"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
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
	if answer, ok := c.RequestCtx().UserValue(takenOverKey).(func() error); ok {
		m.answer(c, answer())
		return
	}
	args := c.RequestCtx().QueryArgs()
	switch {
	case args.Has("acl") && c.Method() == fiber.MethodGet && status == fiber.StatusOK:
		m.mendACL(c, bucket, key)
	case args.Has("delete") && c.Method() == fiber.MethodPost && status == fiber.StatusOK:
		mendQuiet(c)
	}
}

// answer replaces the front end's answer by an error, if there is one.
func (m *memory) answer(c fiber.Ctx, err error) {
	if err == nil {
		return
	}
	known := asS3Error(err)
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
