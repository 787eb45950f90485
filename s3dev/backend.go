package s3dev

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// memory is the storage behind versitygw's S3 front end: everything in
// memory, gone when the server closes.
//
// Strings that come from the front end point into the request's buffer, which
// is reused: what is kept has to be cloned first.
type memory struct {
	backend.BackendUnsupported
	ids    *identities
	clock  *Clock
	traits Traits
	expiry lifecycleLog

	mu      sync.RWMutex
	buckets map[string]*bucket
	seq     atomic.Uint64
	ciphers atomic.Uint64 // encrypted versions so far
}

func newMemory(ids *identities, clock *Clock, traits Traits) *memory {
	return &memory{ids: ids, clock: clock, traits: traits, buckets: map[string]*bucket{}}
}

func (m *memory) String() string { return "s3dev" }

// reset drops every bucket.
func (m *memory) reset() {
	// Not under both locks: a lifecycle run takes them the other way round.
	m.mu.Lock()
	m.buckets = map[string]*bucket{}
	m.mu.Unlock()
	m.expiry.mu.Lock()
	defer m.expiry.mu.Unlock()
	m.expiry.events, m.expiry.last = nil, time.Time{}
}

func (m *memory) addSynthetic(s Synthetic, defaultOwner string) error {
	if s.Owner == "" {
		s.Owner = defaultOwner
	}
	now := m.clock.Now()
	first := m.seq.Add(uint64(max(s.Versions, 0))) - uint64(max(s.Versions, 0)) + 1
	synth, err := newSynthetic(s, first, now.UnixMilli())
	if err != nil {
		return err
	}
	acl, err := json.Marshal(privateACL(s.Owner))
	if err != nil {
		return err
	}
	b := newBucket(s.Bucket, s.Owner, now, &m.seq)
	b.synth, b.acl, b.versioning = synth, acl, types.BucketVersioningStatusEnabled
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.buckets[s.Bucket] != nil {
		return fmt.Errorf("synthetic bucket %q: a bucket of this name exists already", s.Bucket)
	}
	m.buckets[s.Bucket] = b
	return nil
}

func privateACL(owner string) auth.ACL {
	return auth.ACL{Owner: owner, Grantees: []auth.Grantee{{
		Permission: auth.PermissionFullControl, Access: owner, Type: types.TypeCanonicalUser,
	}}}
}

func (m *memory) bucket(name string) (*bucket, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if b := m.buckets[name]; b != nil {
		return b, nil
	}
	return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucket, name)
}

// requester is the owner id of the sender of the request, "anonymous" without
// a signature.
func requester(ctx context.Context) string {
	if acc, ok := ctx.Value(string(utils.ContextKeyAccount)).(auth.Account); ok && acc.Access != "" {
		return acc.Access
	}
	return "anonymous"
}

func (m *memory) ListBuckets(_ context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := s3response.ListAllMyBucketsResult{
		Owner:  s3response.CanonicalUser{ID: in.Owner, DisplayName: m.ids.displayName(in.Owner)},
		Prefix: in.Prefix,
	}
	var names []string
	for name, b := range m.buckets {
		if (b.owner == in.Owner || in.IsAdmin) && strings.HasPrefix(name, in.Prefix) && name > in.ContinuationToken {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if len(out.Buckets.Bucket) == int(in.MaxBuckets) {
			out.ContinuationToken = out.Buckets.Bucket[len(out.Buckets.Bucket)-1].Name
			break
		}
		out.Buckets.Bucket = append(out.Buckets.Bucket, s3response.ListAllMyBucketsEntry{
			Name: name, CreationDate: m.buckets[name].created,
		})
	}
	return out, nil
}

func (m *memory) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	name := strings.Clone(*in.Bucket)
	owner := requester(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.buckets[name]; b != nil {
		switch {
		case b.owner != owner:
			return s3err.GetBucketErr(s3err.ErrBucketAlreadyExists, name)
		case m.traits.Ceph:
			return nil
		}
		return s3err.GetBucketErr(s3err.ErrBucketAlreadyOwnedByYou, name)
	}
	b := newBucket(name, strings.Clone(owner), m.clock.Now(), &m.seq)
	b.acl = slices.Clone(acl)
	// Unlike AWS's default, ACLs work: Ceph and most other servers have no
	// ownership controls, and a test of ACLs needs ACLs.
	b.ownership = types.ObjectOwnershipObjectWriter
	if in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket {
		b.versioning = types.BucketVersioningStatusEnabled
		b.lock = &bucketLock{}
	}
	if in.CreateBucketConfiguration != nil {
		tags, err := backend.ParseCreateBucketTags(in.CreateBucketConfiguration.Tags)
		if err != nil {
			return err
		}
		b.tags = cloneMap(tags)
	}
	m.buckets[name] = b
	return nil
}

func (m *memory) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	_, err := m.bucket(*in.Bucket)
	return &s3.HeadBucketOutput{}, err
}

func (m *memory) DeleteBucket(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.buckets[name]
	if b == nil {
		return s3err.GetBucketErr(s3err.ErrNoSuchBucket, name)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.empty() {
		if b.versioning != "" {
			return s3err.GetBucketErr(s3err.ErrVersionedBucketNotEmpty, name)
		}
		return s3err.GetBucketErr(s3err.ErrBucketNotEmpty, name)
	}
	delete(m.buckets, name)
	return nil
}

// NormalizeObjectKey is what the front end matches against the resources of
// a policy.
func (m *memory) NormalizeObjectKey(_, key string) string { return disarm(key) }

// requestCtx is the request behind a context, nil for calls not from the front end.
func requestCtx(ctx context.Context) *fasthttp.RequestCtx {
	rc, _ := ctx.(*fasthttp.RequestCtx)
	return rc
}

func cloneMap(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[strings.Clone(k)] = strings.Clone(v)
	}
	return out
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// kept returns a copy of an optional string that outlives the request.
func kept(s *string) string { return strings.Clone(deref(s)) }
