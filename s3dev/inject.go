package s3dev

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
)

// before applies a fault that comes before the request is worked off; done
// says that it is finished with.
func (s *Server) before(c fiber.Ctx, f *armedFault) (done bool, err error) {
	switch f.Kind {
	case FaultStatus:
		drain(c)
		finish(c)
		c.Response().Header.SetContentType(fiber.MIMEApplicationXML)
		return true, c.Status(f.Status).SendString(errorXML(f.Code, c.Path()))
	case FaultReset:
		s.hijack(c, func(net.Conn) {}, true)
		return true, nil
	case FaultStall:
		drain(c)
		if s.stall(c.RequestCtx().Conn(), time.Duration(f.Delay)) {
			s.hijack(c, func(net.Conn) {}, true)
			return true, nil
		}
	case FaultErrorIn200:
		if c.Method() == fiber.MethodPost && c.RequestCtx().QueryArgs().Has("delete") {
			c.RequestCtx().SetUserValue(refuseKey, f)
			return false, nil
		}
		drain(c)
		c.Response().Header.SetContentType(fiber.MIMEApplicationXML)
		return true, c.Status(fiber.StatusOK).SendString(errorXML(f.Code, c.Path()))
	}
	return false, nil
}

// after applies a fault to the answer of a request that was worked off.
func (s *Server) after(c fiber.Ctx, f *armedFault) error {
	switch f.Kind {
	case FaultResetAfter:
		drain(c)
		s.hijack(c, func(net.Conn) {}, true)
	case FaultTruncate:
		half := halfResponse(c)
		s.hijack(c, func(conn net.Conn) { _, _ = conn.Write(half) }, false)
	case FaultStallBody:
		half := halfResponse(c)
		s.hijack(c, func(conn net.Conn) {
			if _, err := conn.Write(half); err == nil {
				s.stall(conn, time.Duration(f.Delay))
			}
		}, true)
	}
	return nil
}

// halfResponse is the response's head with the whole length, and half the body.
func halfResponse(c fiber.Ctx) []byte {
	resp := c.Response()
	body := resp.Body()
	resp.Header.SetContentLength(len(body))
	head := resp.Header.Header()
	out := append([]byte(nil), head...)
	if len(body) == 0 { // nothing but the head to cut
		return out[:len(out)/2]
	}
	return append(out, body[:len(body)/2]...)
}

// hijack takes the connection over in place of a response and closes it when
// fn is done, with a reset if asked to.
func (s *Server) hijack(c fiber.Ctx, fn func(net.Conn), reset bool) {
	rc := c.RequestCtx()
	conn := rc.Conn()
	rc.HijackSetNoResponse(true)
	rc.Hijack(func(hijacked net.Conn) {
		fn(hijacked)
		if l := tcp(conn); l != nil && reset {
			_ = l.SetLinger(0)
		}
	})
}

// stall waits for d, or with none for ever, and tells whether the client went
// away or the server is closing meanwhile.
func (s *Server) stall(conn net.Conn, d time.Duration) (gone bool) {
	var end <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		end = timer.C
	}
	defer conn.SetReadDeadline(time.Time{})
	for {
		select {
		case <-end:
			return false
		case <-s.closing:
			return true
		default:
		}
		// Nothing is due from the client, so a read ends in a timeout or in
		// the news that it has closed the connection.
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return true
		}
	}
}

func errorXML(code, resource string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>Injected by a fault.</Message><Resource>")
	b.Write(appendEscaped(nil, resource))
	b.WriteString("</Resource><RequestId>" + strconv.FormatInt(time.Now().UnixNano(), 36) + "</RequestId></Error>")
	return b.String()
}
