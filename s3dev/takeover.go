package s3dev

import (
	"encoding/xml"
	"errors"
	"slices"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3err"
)

// errTakenOver is what the front end is told of a request that mend answers.
var errTakenOver = s3err.GetAPIError(s3err.ErrNotImplemented)

const takenOverKey = "s3dev-taken-over"

// takeOver keeps a request from the front end where that has no answer or a
// wrong one; mend then gives the answer.
func (m *memory) takeOver(q *caller) error {
	handler := m.handler(q)
	if handler == nil {
		return nil
	}
	q.c.RequestCtx().SetUserValue(takenOverKey, func() error { return handler(q) })
	return errTakenOver
}

// handler is what answers a request instead of the front end, or nil.
func (m *memory) handler(q *caller) func(*caller) error {
	if q.key != "" {
		switch {
		case q.has("retention") && (q.method == fiber.MethodGet || q.method == fiber.MethodPut):
			return m.retention
		case q.has("legal-hold") && (q.method == fiber.MethodGet || q.method == fiber.MethodPut):
			return m.legalHold
		}
		return nil
	}
	switch {
	case q.has("object-lock") && (q.method == fiber.MethodGet || q.method == fiber.MethodPut):
		return m.lockConfiguration
	case q.has("policy") && q.method == fiber.MethodPut:
		return m.policyPut
	case q.has("lifecycle"):
		return m.lifecycle
	case q.has("encryption"):
		return m.encryption
	case q.has("replication"):
		return m.replication
	case q.has("notification") && q.method != fiber.MethodDelete:
		return m.notification
	case q.has("publicAccessBlock"):
		return m.publicAccessBlock
	}
	return nil
}

func asS3Error(err error) s3err.S3Error {
	var known s3err.S3Error
	if errors.As(err, &known) {
		return known
	}
	return s3err.GetAPIError(s3err.ErrInternalError)
}

func s3Error(status int, code, text string) s3err.APIError {
	return s3err.APIError{HTTPStatusCode: status, Code: code, Description: text}
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

func unmarshalXML(body []byte, v any) error {
	if err := xml.Unmarshal(body, v); err != nil {
		return s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	return nil
}

// sendXML answers a request that was taken over.
func (q *caller) sendXML(v any) error {
	body, err := xml.Marshal(v)
	if err != nil {
		return err
	}
	return q.send(fiber.StatusOK, append([]byte(xml.Header), body...))
}

func (q *caller) send(status int, body []byte) error {
	q.c.Response().ResetBody()
	q.c.Status(status)
	if len(body) > 0 {
		q.c.Response().Header.SetContentType(fiber.MIMEApplicationXML)
		q.c.Response().SetBody(body)
	}
	return nil
}

// changeAndAnswer runs fn on the bucket under its lock and answers with an
// empty body.
func (m *memory) changeAndAnswer(q *caller, status int, fn func(*bucket) error) error {
	if err := m.change(q.bucket, fn); err != nil {
		return err
	}
	return q.send(status, nil)
}

// stored serves a configuration that is kept as it was put; check looks at
// one before that.
func (m *memory) stored(q *caller, missing string, field func(*settings) *[]byte, check func(*bucket, []byte) error) error {
	switch q.method {
	case fiber.MethodGet:
		data, err := read(m, q.bucket, func(b *bucket) ([]byte, error) { return *field(&b.settings), nil })
		if err != nil {
			return err
		}
		if data == nil {
			return s3Error(404, missing, "The configuration does not exist.")
		}
		return q.send(fiber.StatusOK, data)
	case fiber.MethodPut:
		data := slices.Clone(q.c.Request().Body())
		if len(data) == 0 || unmarshalXML(data, new(any)) != nil {
			return s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		return m.changeAndAnswer(q, fiber.StatusOK, func(b *bucket) error {
			if err := check(b, data); err != nil {
				return err
			}
			*field(&b.settings) = data
			return nil
		})
	case fiber.MethodDelete:
		return m.changeAndAnswer(q, fiber.StatusNoContent, func(b *bucket) error {
			*field(&b.settings) = nil
			return check(b, nil)
		})
	}
	return s3err.GetAPIError(s3err.ErrMethodNotAllowed)
}

// policyPut stores a policy, word for word.
func (m *memory) policyPut(q *caller) error {
	text := slices.Clone(q.c.Request().Body())
	parsed, err := parsePolicy(text, q.bucket, m.ids, m.traits)
	if err != nil {
		return s3Error(400, "MalformedPolicy", "The policy is malformed: "+err.Error())
	}
	return m.changeAndAnswer(q, fiber.StatusNoContent, func(b *bucket) error {
		b.policyText, b.parsed = text, parsed
		return nil
	})
}

// publicAccessBlock keeps the configuration and obeys its two settings about ACLs,
// IgnorePublicAcls and BlockPublicAcls. Policies are not judged by it.
func (m *memory) publicAccessBlock(q *caller) error {
	return m.stored(q, "NoSuchPublicAccessBlockConfiguration",
		func(s *settings) *[]byte { return &s.access },
		func(b *bucket, data []byte) error {
			var config struct{ IgnorePublicAcls, BlockPublicAcls bool }
			if data != nil {
				if err := unmarshalXML(data, &config); err != nil {
					return err
				}
			}
			b.ignorePublicACLs, b.blockPublicACLs = config.IgnorePublicAcls, config.BlockPublicAcls
			return nil
		})
}
