package s3dev

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
)

// maxDrain bounds how much of a refused upload is read so that the client
// gets to see the refusal.
const maxDrain = 1 << 30

// frontContext is where the backend, which is given a context only, finds the
// front end's.
const frontContext = "s3dev-front"

// handle is the middleware around the front end: it logs, delays and fails
// requests, and mends what the front end gets wrong.
func (s *Server) handle(c fiber.Ctx) error {
	rc := c.RequestCtx()
	defer s.conns.request(rc.Conn())()
	bucket, key, err := splitPath(rc.URI().PathOriginal())
	if err != nil {
		return c.SendStatus(fiber.StatusBadRequest)
	}
	req := Request{
		Method: string(rc.Method()), Path: "/" + bucket, Query: string(rc.URI().QueryString()),
		AccessKey: accessKey(c.Get("Authorization")), Time: time.Now(),
	}
	if key != "" {
		req.Path += "/" + key
	}
	defer func() {
		req.Status = rc.Response.StatusCode()
		s.log.add(req)
	}()
	rc.SetUserValue(frontContext, c)
	rc.SetUserValue(resourceKey, resource{bucket, key})
	if s.mem.traits.Ceph {
		utils.ContextKeyRequestID.Set(c, cephRequestID())
	}
	if needsArmor(key) {
		originalPath.Set(c, req.Path)
		// The front end takes the path from here.
		rc.URI().SetPath("/" + bucket + "/" + armor(key))
		c.Path("/" + bucket + "/" + armor(key))
	}
	s.delay(time.Duration(s.latency.Load()))
	s.mem.tick()
	if s.mem.anonymous(c, bucket, key) {
		utils.ContextKeyPublicBucket.Set(c, true)
		utils.ContextKeyAuthenticated.Set(c, true)
	}
	fault := s.faults.match(req.Method, req.target())
	if fault != nil {
		req.Fault = fault.Kind
		if done, err := s.before(c, fault); done {
			return err
		}
	}
	if err := c.Next(); err != nil {
		return err
	}
	s.mem.mend(c, bucket, key)
	finish(c)
	if fault != nil {
		return s.after(c, fault)
	}
	return nil
}

// cephRequestID is an id as Ceph gives it: by it RGW is known.
func cephRequestID() string {
	return fmt.Sprintf("tx%021x-%010x-%x-default", rand.Uint64(), time.Now().Unix(), 4096)
}

// anonymous reports whether an unsigned request is for the gate to judge. The
// front end knows bucket ACLs only.
func (m *memory) anonymous(c fiber.Ctx, bucket, key string) bool {
	args := c.RequestCtx().QueryArgs()
	if bucket == "" || c.Get("Authorization") != "" || args.Has("X-Amz-Signature") || args.Has("X-Amz-Algorithm") {
		return false
	}
	return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
}

// finish leaves the connection in a state in which the next request can be
// read, or closes it.
func finish(c fiber.Ctx) {
	rc := c.RequestCtx()
	const chunked = -1 // as fasthttp has it; -2 is a request without a body
	if rc.Request.Header.ContentLength() == chunked || c.Get("X-Amz-Decoded-Content-Length") == "0" {
		// What is left of a chunked body cannot be told from a new request.
		rc.Response.Header.SetConnectionClose()
		return
	}
	if rc.Response.StatusCode() >= 400 {
		drain(c)
	}
}

func drain(c fiber.Ctx) {
	if stream := c.RequestCtx().Request.BodyStream(); stream != nil && c.RequestCtx().Request.Header.ContentLength() > 0 {
		_, _ = io.Copy(io.Discard, io.LimitReader(stream, maxDrain))
	}
}

func (s *Server) delay(d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-s.closing:
	}
}

// accessKey takes the access key from an Authorization header.
func accessKey(header string) string {
	_, rest, ok := strings.Cut(header, "Credential=")
	if !ok {
		return ""
	}
	key, _, _ := strings.Cut(rest, "/")
	return strings.Clone(key)
}

// linger is what net.TCPConn has to turn its Close into a reset.
type linger interface{ SetLinger(sec int) error }

func tcp(conn net.Conn) linger {
	for {
		if l, ok := conn.(linger); ok {
			return l
		}
		inner, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = inner.NetConn()
	}
}
