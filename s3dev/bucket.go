package s3dev

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/tidwall/btree"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
)

// entry is a key with its versions, oldest first; it is never empty.
type entry struct {
	key      string
	versions []*version
	lastNull uint64 // seq of the newest null version there ever was
}

func (e *entry) latest() *version { return e.versions[len(e.versions)-1] }

// bucket holds one bucket. Its key space is an ordered tree, so a page of a
// listing costs what it shows, however large the bucket is.
type bucket struct {
	name    string
	owner   string
	created time.Time
	seq     *atomic.Uint64

	mu         sync.RWMutex
	versioning types.BucketVersioningStatus // "" until first set
	tree       *btree.BTreeG[*entry]
	synth      *synthetic
	uploads    map[string]*upload
	plain      map[string]*headers // shared headers by content type
	usage      Usage               // but for the uploads
	settings
}

// settings are the bucket's configurations, each as the front end hands it
// over; nil means not set.
type settings struct {
	acl                       []byte // JSON
	policyText                []byte // as it was put
	parsed                    *policyDoc
	lock                      *bucketLock
	lifecycle                 []byte
	rules                     []rule // of lifecycle, as far as enabled
	encryption                []byte
	defaultSSE                string // of the encryption
	replication, notification []byte
	quota                     Quota
	access                    []byte // PublicAccessBlock XML
	cors                      []byte
	website                   []byte
	tags                      map[string]string
	ownership                 types.ObjectOwnership

	ignorePublicACLs bool
	blockPublicACLs  bool
}

func newBucket(name, owner string, created time.Time, seq *atomic.Uint64) *bucket {
	return &bucket{
		name: name, owner: owner, created: created, seq: seq,
		tree: btree.NewBTreeGOptions(func(a, b *entry) bool { return a.key < b.key },
			btree.Options{NoLocks: true, Degree: 64}),
		uploads: map[string]*upload{},
		plain:   map[string]*headers{},
	}
}

// get returns the key's history, or nil.
func (b *bucket) get(key string) *entry {
	stored, _ := b.tree.Get(&entry{key: key})
	if b.synth == nil {
		return stored
	}
	return joined(b.synth.find(key), stored)
}

// joined puts the stored versions of a key on top of its generated ones.
func joined(generated, stored *entry) *entry {
	if generated == nil || stored == nil {
		if stored == nil {
			return generated
		}
		return stored
	}
	return &entry{
		key:      stored.key,
		versions: slices.Concat(generated.versions, stored.versions),
		lastNull: stored.lastNull,
	}
}

// ascend calls fn for each key from key on, in byte order, until fn is false.
func (b *bucket) ascend(key string, fn func(*entry) bool) {
	if b.synth == nil {
		b.tree.Ascend(&entry{key: key}, fn)
		return
	}
	i, more := b.synth.from(key), true
	b.tree.Ascend(&entry{key: key}, func(stored *entry) bool {
		for ; i < b.synth.keys; i++ {
			generated := b.synth.entry(i)
			if generated.key > stored.key {
				break
			}
			if generated.key == stored.key {
				stored = joined(generated, stored)
				continue
			}
			if more = fn(generated); !more {
				return false
			}
		}
		more = fn(stored)
		return more
	})
	for ; more && i < b.synth.keys; i++ {
		more = fn(b.synth.entry(i))
	}
}

// find looks a version up; an empty versionID means the latest. The errors
// are those of a GET; for a delete marker the marker is returned with its error.
func (b *bucket) find(key, versionID string) (*version, error) {
	e := b.get(key)
	if versionID == "" {
		if e == nil {
			return nil, s3err.GetAPIError(s3err.ErrNoSuchKey)
		}
		if v := e.latest(); !v.marker {
			return v, nil
		}
		return e.latest(), s3err.GetAPIError(s3err.ErrNoSuchKey)
	}
	if e != nil {
		if i := e.index(versionID); i >= 0 {
			v := e.versions[i]
			if v.marker {
				return v, s3err.GetMethodNotAllowedErr("GET", s3err.ResourceTypeObject, []string{"DELETE"})
			}
			return v, nil
		}
	}
	return nil, s3err.GetNoSuchVersionErr(key, versionID)
}

// index returns where the version stands in e.versions, or -1.
func (e *entry) index(versionID string) int {
	if versionID == nullVersion {
		return slices.IndexFunc(e.versions, func(v *version) bool { return v.null })
	}
	seq, ok := parseVersionID(versionID)
	if !ok {
		return -1
	}
	i, found := slices.BinarySearchFunc(e.versions, seq, func(v *version, seq uint64) int { return cmp.Compare(v.seq, seq) })
	if !found || e.versions[i].null {
		return -1
	}
	return i
}

// add stores v as the latest version of key and returns it. Without (or with
// suspended) versioning it becomes the null version and replaces the old one.
// The caller holds the lock.
func (b *bucket) add(key string, v *version) *version {
	v.seq = b.seq.Add(1)
	v.null = b.versioning != types.BucketVersioningStatusEnabled
	e, ok := b.tree.GetMut(&entry{key: key})
	if !ok {
		e = &entry{key: key}
	}
	b.usage.count(v, 1)
	if v.null {
		e.versions = slices.DeleteFunc(e.versions, func(old *version) bool {
			if old.null {
				b.usage.count(old, -1)
			}
			return old.null
		})
		e.lastNull = v.seq
	}
	e.versions = append(e.versions, v)
	if !ok {
		b.tree.Set(e)
	}
	return v
}

// checkPut reports whether a conditional write may go ahead. The caller holds the
// lock.
func (m *memory) checkPut(b *bucket, key string, ifMatch, ifNoneMatch *string) error {
	if ifMatch == nil && ifNoneMatch == nil {
		return nil
	}
	if m.traits.IgnoreIfNoneMatch && b.versioning == types.BucketVersioningStatusEnabled {
		return nil
	}
	v, err := b.find(key, "")
	etag := ""
	if err == nil {
		etag = v.etagString()
	}
	return backend.EvaluateObjectPutPreconditions(etag, ifMatch, ifNoneMatch, err == nil)
}

// deleted is the outcome of removing one object or version.
type deleted struct {
	versionID string // of the version removed or the marker made
	marker    bool   // a delete marker was made or removed
	made      bool   // a delete marker was made
}

// remove deletes as S3 does: without a version ID it adds a delete marker (or,
// never versioned, removes the object); with one it removes that version.
// What does not exist is no error. The caller holds the lock.
func (b *bucket) remove(key, versionID string, by removal) (deleted, error) {
	if versionID == "" && b.versioning != "" {
		if by.oneMarker {
			if e := b.get(key); e == nil || e.latest().marker {
				out := deleted{marker: true}
				if e != nil {
					out.versionID = e.latest().id()
				}
				return out, nil
			}
		}
		if err := b.replaceable(key, by.now); err != nil {
			return deleted{}, err
		}
		v := b.add(key, &version{marker: true, owner: by.owner, modified: by.now.UnixMilli()})
		return deleted{versionID: v.id(), marker: true, made: true}, nil
	}
	id := cmp.Or(versionID, nullVersion)
	if e := b.get(key); e != nil {
		if i := e.index(id); i >= 0 {
			if err := e.versions[i].removable(by.now, by.bypass); err != nil {
				return deleted{}, err
			}
		}
	}
	out, err := b.removeVersion(key, id)
	if versionID == "" && err == nil {
		out = deleted{}
	}
	return out, err
}

func (b *bucket) removeVersion(key, versionID string) (deleted, error) {
	out := deleted{versionID: versionID}
	e, ok := b.tree.GetMut(&entry{key: key})
	i := -1
	if ok {
		i = e.index(versionID)
	}
	if i < 0 {
		if b.synth != nil {
			if g := b.synth.find(key); g != nil && g.index(versionID) >= 0 {
				return out, s3err.GetAPIError(s3err.ErrNotImplemented)
			}
		}
		return out, nil
	}
	out.marker = e.versions[i].marker
	b.usage.count(e.versions[i], -1)
	if len(e.versions) == 1 {
		b.tree.Delete(e)
		return out, nil
	}
	e.versions = slices.Delete(e.versions, i, i+1)
	return out, nil
}

// empty reports whether the bucket may be deleted.
func (b *bucket) empty() bool {
	return b.tree.Len() == 0 && (b.synth == nil || b.synth.keys == 0)
}
