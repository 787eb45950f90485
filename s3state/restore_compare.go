package s3state

import (
	"context"
	"fmt"

	"github.com/cesnet/rwm/s3versions"
)

// compare checks that the target holds what the state names and nothing else.
func (r *restorer) compare(ctx context.Context) error {
	failed := BatchError{Op: "compare", Bucket: r.opts.Target}
	differs := func(key, version, reason string) {
		failed.add(KeyError{key, version, fmt.Errorf("%w: %s", ErrCopyDiffers, reason)})
	}
	r.res.Objects, r.res.Bytes, r.res.ETagUnchecked = 0, 0, 0
	w, err := newWalk(r.manifest, func(o entry) error {
		differs(o.Key, o.VersionID, "it is not in the target")
		return nil
	})
	if err != nil {
		return err
	}
	err = r.s.listCurrent(ctx, r.opts.Target, r.rep, func(v *Version) error {
		o, err := w.to(v.Key)
		switch {
		case err != nil:
			return err
		case o == nil:
			differs(v.Key, v.VersionID, "the target has a key that the state does not name")
			return nil
		}
		reason, checked := r.copyDiffers(ctx, o, v)
		if reason != "" {
			differs(o.Key, o.VersionID, reason)
			return nil
		}
		if !checked {
			r.res.ETagUnchecked++
		}
		r.res.Objects++
		r.res.Bytes += v.Size
		return nil
	})
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return err
	}
	if failed.Total > 0 {
		return &failed
	}
	return nil
}

// copyDiffers says how a copy differs from the version it was made of, and
// whether the ETags could be compared.
func copyDiffers(o *entry, e *Version) (reason string, checked bool) {
	if e.Size != o.Size {
		return fmt.Sprintf("the copy has %d bytes, not %d", e.Size, o.Size), true
	}
	return etagDiffers(o.ETag, e.ETag)
}

// copyDiffers is copyDiffers where ETags may be no MD5s.
func (r *restorer) copyDiffers(ctx context.Context, o *entry, e *Version) (reason string, checked bool) {
	reason, checked = copyDiffers(o, e)
	if reason != "" && e.Size == o.Size && !r.etagsSpeak(ctx) {
		return "", false
	}
	return reason, checked
}

// etagsSpeak reports whether the ETags of source and target can be compared.
func (r *restorer) etagsSpeak(ctx context.Context) bool {
	return r.s.etagsAreMD5(ctx, r.opts.Source) && r.s.etagsAreMD5(ctx, r.opts.Target)
}

// etagDiffers compares ETags as far as they say something about the content:
// a copy of a multipart upload may get the plain MD5, and the other way round.
func etagDiffers(want, got string) (reason string, checked bool) {
	want, got = s3versions.BareETag(want), s3versions.BareETag(got)
	switch {
	case want == got:
		return "", true
	case s3versions.IsMD5(want) && s3versions.IsMD5(got):
		return fmt.Sprintf("the copy has ETag %s, not %s", got, want), true
	}
	return "", false
}
