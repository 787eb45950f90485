package s3dev

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

func (m *memory) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	out := &s3.DeleteObjectOutput{}
	bypass := m.mayBypass(callerOf(ctx), disarm(*in.Key), deref(in.VersionId))
	err := m.change(*in.Bucket, func(b *bucket) error {
		key := strings.Clone(disarm(*in.Key))
		if in.IfMatch != nil || in.IfMatchLastModifiedTime != nil || in.IfMatchSize != nil {
			v, err := b.find(key, deref(in.VersionId))
			if err != nil {
				return err
			}
			if err := backend.EvaluateObjectDeletePreconditions(v.etagString(), v.lastModified(), v.size,
				backend.ObjectDeletePreconditions{
					IfMatch: in.IfMatch, IfMatchLastModTime: in.IfMatchLastModifiedTime, IfMatchSize: in.IfMatchSize,
				}); err != nil {
				return err
			}
		}
		d, err := b.remove(key, kept(in.VersionId), m.removal(ctx, bypass))
		out.VersionId, out.DeleteMarker = &d.versionID, &d.marker
		return err
	})
	return out, err
}

func (m *memory) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	var out s3response.DeleteResult
	if len(in.Delete.Objects) > maxPage {
		return out, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	refuse := refusedKeys(ctx)
	q := callerOf(ctx)
	// Who may do what is asked before the bucket is locked.
	verdicts := make([]error, len(in.Delete.Objects))
	bypasses := make([]bool, len(in.Delete.Objects))
	for i, o := range in.Delete.Objects {
		action := "s3:DeleteObject"
		if deref(o.VersionId) != "" {
			action = "s3:DeleteObjectVersion"
		}
		if q != nil {
			verdicts[i] = m.may(q, *in.Bucket, deref(o.Key), deref(o.VersionId), action)
		}
		bypasses[i] = m.mayBypass(q, deref(o.Key), deref(o.VersionId))
	}
	err := m.change(*in.Bucket, func(b *bucket) error {
		for i, o := range in.Delete.Objects {
			if e := refuse(deref(o.Key)); e != nil {
				out.Error = append(out.Error, types.Error{
					Key: o.Key, VersionId: o.VersionId, Code: &e.Code, Message: &e.Description,
				})
				continue
			}
			d, err := deleted{}, verdicts[i]
			if err == nil {
				d, err = b.remove(strings.Clone(deref(o.Key)), deref(o.VersionId), m.removal(ctx, bypasses[i]))
			}
			if err != nil {
				out.Error = append(out.Error, s3err.ObjectDeleteError(o.Key, o.VersionId, err))
				continue
			}
			done := types.DeletedObject{Key: o.Key, VersionId: o.VersionId}
			if d.marker {
				done.DeleteMarker, done.DeleteMarkerVersionId = &d.marker, &d.versionID
			}
			out.Deleted = append(out.Deleted, done)
		}
		return nil
	})
	return out, err
}

// removal is who removes something when.
type removal struct {
	owner     string
	now       time.Time
	bypass    bool // of GOVERNANCE, asked for and allowed
	oneMarker bool // no marker is put on a marker
}

func (m *memory) removal(ctx context.Context, bypass bool) removal {
	return removal{strings.Clone(requester(ctx)), m.clock.Now(), bypass, m.traits.OneMarker}
}
