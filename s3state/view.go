package s3state

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/objectlist"
	"github.com/cesnet/rwm/internal/s3err"
)

// Object is an object as it was at a moment: a version that still exists, whatever
// happened to its key since.
type Object struct {
	Key, VersionID, ETag string
	Size                 int64
	LastModified         time.Time
}

// View is a bucket as it was. It holds only names and version IDs; the data
// stays where it is, and is read by version ID with the client. It is safe for
// concurrent use.
type View struct {
	Bucket string
	Moment Moment
	// Time is when the state was saved by the server's clock, or the time
	// that was asked for.
	Time time.Time
	// Verification is nil unless it was asked for.
	Verification *Verification

	objects lists
}

// ViewOptions configures View.
type ViewOptions struct {
	// Verify compares a saved state with the version history, which takes a listing of
	// the bucket. A state that differs, or that names missing versions, is then refused
	// as by Restore; the view is returned together with the error.
	Verify bool
	// Prefixes are the only keys of interest, in order; the listing of a time asks for
	// no others. None means all.
	Prefixes []string
	OnEvent  func(Event)
}

// View returns a bucket as of a moment. A view at a time is taken from the version
// listing and needs no trust in the host; versions removed since are not in it. A time
// more than two days in the future gives what is current. It takes about 90 bytes of
// memory an object.
//
// Errors: ErrNoState, ErrBadState, ErrStateDiffers, ErrMissing.
func (s *Store) View(ctx context.Context, bucket string, m Moment, opts ViewOptions) (*View, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	if err := m.check(); err != nil {
		return nil, err
	}
	if m.StateKey == "" {
		objects := &objectlist.List{}
		v := &View{Bucket: bucket, Moment: m, Time: m.At, objects: lists{objects}}
		if opts.Verify { // there is nothing to compare the history with
			v.Verification = &Verification{Status: Verified, From: m.At, To: m.At}
		}
		if err := s.listAt(ctx, bucket, m.At, rep, opts.Prefixes, addTo(objects)); err != nil {
			return nil, err
		}
		return v, nil
	}
	p, saved, err := s.loadManifest(ctx, bucket, m.StateKey, m.StateVersion)
	if err != nil {
		return nil, err
	}
	defer p.close()
	v := &View{Bucket: bucket, Moment: m, Time: saved.Time}
	v.Moment.StateVersion = saved.VersionID
	var verr error
	if opts.Verify {
		if v.Verification, verr = s.verifyMoment(ctx, bucket, m, p, saved, rep); verr != nil && v.Verification == nil {
			return nil, verr
		}
	}
	wanted := func(key string) bool {
		return len(opts.Prefixes) == 0 || slices.ContainsFunc(opts.Prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
	}
	objects, err := objectsOf(p, wanted)
	if err != nil {
		return nil, err
	}
	v.objects = lists{objects}
	return v, verr
}

// viewOf is a View of the current objects.
func viewOf(bucket string, p *manifest) (*View, error) {
	objects, err := objectsOf(p, func(string) bool { return true })
	return &View{Bucket: bucket, objects: lists{objects}}, err
}

func objectsOf(p *manifest, wanted func(key string) bool) (*objectlist.List, error) {
	objects := &objectlist.List{}
	err := p.each(func(o entry) error {
		if !wanted(o.Key) {
			return nil
		}
		return addEntry(objects, o)
	})
	return objects, err
}

func addTo(l *objectlist.List) func(*Version) error {
	return func(v *Version) error { return addEntry(l, entryFrom(v)) }
}

func addEntry(l *objectlist.List, o entry) error {
	if !l.Add(objectlist.Object{Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size, Modified: o.Modified}) {
		return fmt.Errorf("key %q is listed out of order", s3err.Clip(o.Key))
	}
	return nil
}

// Len is the number of objects.
func (v *View) Len() int {
	if v == nil {
		return 0
	}
	return v.objects.Len()
}

// Get finds an object by its key.
func (v *View) Get(key string) (Object, bool) {
	if v == nil {
		return Object{}, false
	}
	o, ok := v.objects.Get(key)
	if !ok {
		return Object{}, false
	}
	return objectFrom(o), true
}

// All iterates over the objects whose keys begin with prefix, in order.
func (v *View) All(prefix string) iter.Seq[Object] {
	return func(yield func(Object) bool) {
		if v == nil {
			return
		}
		for o := range v.objects.All(prefix) {
			if !yield(objectFrom(o)) {
				return
			}
		}
	}
}

func objectFrom(o objectlist.Object) Object {
	return Object{o.Key, o.VersionID, o.ETag, o.Size, o.Modified}
}
