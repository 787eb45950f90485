package s3state

import (
	"context"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"
)

// Object is an object as it was at a moment: a version that still exists, whatever
// happened to its key since.
type Object struct {
	Key, VersionID, ETag string
	Size                 int64
	LastModified         time.Time
}

// View is a bucket as it was. It holds only names and version ids; the data
// stays where it is, and is read by version id with the client. It is safe for
// concurrent use.
type View struct {
	Bucket string
	Moment Moment
	// Time is when the state was saved by the server's clock, or the time
	// that was asked for.
	Time time.Time
	// Verification is nil unless it was asked for.
	Verification *Verification

	objects []Object // by key
}

// ViewOptions refine View.
type ViewOptions struct {
	// Verify compares a saved state with the version history, which takes a listing of
	// the bucket. A state that differs, or that names missing versions, is then refused
	// as by Restore; the view is returned together with the error.
	Verify bool
	// Prefixes are the only keys of interest, in order; the listing of a time asks for no
	// others. None means all.
	Prefixes []string
	OnEvent  func(Event)
}

// View returns a bucket as of a moment. A view at a time is taken from the version
// listing and needs no trust in the host; versions removed since are not in it. A time
// more than two days in the future gives what is current. It takes about 250 bytes of
// memory an object.
//
// Errors: ErrNoState, ErrBadState, ErrStateDiffers, ErrMissing, ErrNoBucket.
func (s *Store) View(ctx context.Context, bucket string, m Moment, opts ViewOptions) (*View, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	p, saved, err := s.manifestOf(ctx, bucket, m, ev, opts.Prefixes...)
	if err != nil {
		return nil, err
	}
	defer p.close()
	v := &View{Bucket: bucket, Moment: m, Time: saved.Time}
	if m.StateKey != "" {
		v.Moment.StateVersion = saved.VersionID
	}
	var verr error
	if opts.Verify {
		if v.Verification, verr = s.verifyMoment(ctx, bucket, m, p, saved, ev); verr != nil && v.Verification == nil {
			return nil, verr
		}
	}
	if v.objects, err = objectsOf(p); err != nil {
		return nil, err
	}
	if m.StateKey != "" && len(opts.Prefixes) > 0 {
		v.objects = slices.DeleteFunc(v.objects, func(o Object) bool {
			return !slices.ContainsFunc(opts.Prefixes, func(p string) bool { return strings.HasPrefix(o.Key, p) })
		})
	}
	return v, verr
}

// viewOf is a View of the current objects.
func viewOf(bucket string, p *manifest) (*View, error) {
	objects, err := objectsOf(p)
	return &View{Bucket: bucket, objects: objects}, err
}

func objectsOf(p *manifest) ([]Object, error) {
	objects := make([]Object, 0, p.count)
	err := p.each(func(o entry) error {
		objects = append(objects, Object{o.Key, o.VersionID, o.ETag, o.Size, o.Modified})
		return nil
	})
	return objects, err
}

// Len is the number of objects.
func (v *View) Len() int { return len(v.objects) }

// Get finds an object by its key.
func (v *View) Get(key string) (Object, bool) {
	i := sort.Search(len(v.objects), func(i int) bool { return v.objects[i].Key >= key })
	if i == len(v.objects) || v.objects[i].Key != key {
		return Object{}, false
	}
	return v.objects[i], true
}

// All iterates over the objects whose keys begin with prefix, in order.
func (v *View) All(prefix string) iter.Seq[Object] {
	return func(yield func(Object) bool) {
		i := sort.Search(len(v.objects), func(i int) bool { return v.objects[i].Key >= prefix })
		for ; i < len(v.objects) && strings.HasPrefix(v.objects[i].Key, prefix); i++ {
			if !yield(v.objects[i]) {
				return
			}
		}
	}
}
