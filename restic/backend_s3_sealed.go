package restic

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// ErrSealed: the policy of the bucket keeps this host from reading file data back. It
// is an ErrAccessDenied, too. Backup, Forget and listing snapshots work; operations
// that need file data fail until the admin unseals the host for a time.
var ErrSealed = s3err.ErrSealed

// sealFor is how long a backend remembers what the policy says.
const sealFor = time.Minute

// sealing is what the bucket's policy says about reading packs.
type sealing struct {
	mu     sync.Mutex
	asked  time.Time
	sealed bool
	owner  string // ID of the bucket's owner; "" if not asked for or not known

	refused sync.Map // names of packs and when they were refused
	noCopy  sync.Map // names of those of which there is no copy to read either
}

// sealed reports whether the bucket's policy denies a principal the packs. Together
// with a refused request, that tells who is denied.
func (b *s3Backend) sealed(ctx context.Context) bool {
	s := &b.sealing
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) < sealFor {
		return s.sealed
	}
	policy, err := b.client.GetBucketPolicy(ctx, b.bucket)
	if err != nil && !s3err.Forbidden(err) && s3err.Code(err) != "NoSuchBucketPolicy" {
		return s.sealed // ask again
	}
	s.asked, s.sealed = time.Now(), err == nil && deniesPacks([]byte(policy), b.bucket)
	return s.sealed
}

// deniesPacks recognises the statement that seals a host (s3state.Seal).
func deniesPacks(policy []byte, bucket string) bool {
	var doc struct {
		Statement []struct {
			Effect           string
			Action, Resource oneOrMore
		}
	}
	if json.Unmarshal(policy, &doc) != nil {
		return false
	}
	for _, st := range doc.Statement {
		if st.Effect != "Deny" {
			continue
		}
		reads, packs := false, false
		for _, a := range st.Action {
			reads = reads || a == "s3:GetObject"
		}
		for _, r := range st.Resource {
			packs = packs || strings.HasPrefix(r, "arn:aws:s3:::"+bucket+"/") && strings.HasSuffix(r, "/data/*")
		}
		if reads && packs {
			return true
		}
	}
	return false
}

// oneOrMore is JSON's "a" or ["a", "b"].
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// packRefused turns the refusal of a pack into ErrSealed if the seal causes it. The
// caller looks for a copy, or ends the operation that needs the pack (endSealed).
func (b *s3Backend) packRefused(ctx context.Context, h engbackend.Handle, err error) error {
	e, ok := err.(*s3Error)
	if !ok || h.Type != engbackend.PackFile || e.cause != ErrAccessDenied || !b.sealed(ctx) {
		return err
	}
	e.cause = ErrSealed
	b.sealing.refused.Store(h.Name, time.Now())
	return e
}

// refusedBefore returns the error of a pack that was refused within the last minute: a
// backup asks for each tree it lacks more than once.
func (b *s3Backend) refusedBefore(h engbackend.Handle) *s3Error {
	at, ok := b.sealing.refused.Load(h.Name)
	if !ok || h.Type != engbackend.PackFile {
		return nil
	}
	if time.Since(at.(time.Time)) > sealFor {
		b.sealing.refused.Delete(h.Name)
		b.sealing.noCopy.Delete(h.Name)
		return nil
	}
	return &s3Error{method: "GET", bucket: b.bucket, key: b.layout.Filename(h), err: s3err.ErrAccessDenied, cause: ErrSealed}
}

type sealKey struct{}

// endSealed ends the operation of ctx.
func endSealed(ctx context.Context, err error) {
	if end, ok := ctx.Value(sealKey{}).(context.CancelCauseFunc); ok {
		end(err)
	}
}

// untilSealed is fn for an operation that needs what it reads. The first refused pack
// ends it: anything it would find afterwards, such as damage, would only be a
// consequence.
func untilSealed(fn task) task {
	return func(ctx context.Context, repo *engrepository.Repository) error {
		ctx, end := context.WithCancelCause(ctx)
		defer end(nil)
		err := fn(context.WithValue(ctx, sealKey{}, end), repo)
		if cause, ok := context.Cause(ctx).(*s3Error); ok && cause.cause == ErrSealed {
			return cause
		}
		return err
	}
}

// packGrant is what a pack is uploaded with so that its writer cannot read it: on Ceph
// the ACL of a source decides about copying it in parts, whatever the policy says. ""
// is nothing, where the host is not sealed or the server no Ceph.
func (b *s3Backend) packGrant(ctx context.Context, h engbackend.Handle) string {
	if h.Type != engbackend.PackFile || !b.ceph.Load() || !b.sealed(ctx) {
		return ""
	}
	s := &b.sealing
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner == "" {
		data, err := s3versions.New(b.client).Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: b.bucket, Query: url.Values{"acl": {""}}})
		var acl struct{ Owner struct{ ID string } }
		if err != nil || xml.Unmarshal(data, &acl) != nil {
			return ""
		}
		s.owner = acl.Owner.ID
	}
	if s.owner == "" {
		return ""
	}
	return `id="` + s.owner + `"`
}
