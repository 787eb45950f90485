package s3dev

import (
	"context"
	"encoding/xml"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3err"
)

type lockXML struct {
	XMLName           xml.Name `xml:"ObjectLockConfiguration"`
	Namespace         string   `xml:"xmlns,attr,omitempty"`
	ObjectLockEnabled string
	Rule              *lockRuleXML
}

type lockRuleXML struct {
	DefaultRetention *defaultXML
}

type defaultXML struct {
	Mode  types.ObjectLockRetentionMode
	Days  int `xml:",omitempty"`
	Years int `xml:",omitempty"`
}

// maxLockDays and maxLockYears bound a default retention, as on AWS.
const (
	maxLockDays  = 36500
	maxLockYears = 100
)

// lockConfiguration serves GET and PUT of a bucket's object lock.
func (m *memory) lockConfiguration(q *caller) error {
	if q.method == fiber.MethodGet {
		out, err := read(m, q.bucket, func(b *bucket) (*lockXML, error) {
			if b.lock == nil {
				return nil, s3err.GetBucketErr(s3err.ErrObjectLockConfigurationNotFound, b.name)
			}
			out := &lockXML{Namespace: s3Namespace, ObjectLockEnabled: "Enabled"}
			if b.lock.mode != "" {
				out.Rule = &lockRuleXML{&defaultXML{b.lock.mode, b.lock.days, b.lock.years}}
			}
			return out, nil
		})
		if err != nil {
			return err
		}
		return q.sendXML(out)
	}
	want, err := parseBucketLock(q.c.Request().Body(), m.traits.Ceph)
	if err != nil {
		return err
	}
	if m.traits.ForgetDefault {
		want = &bucketLock{}
	}
	return m.changeAndAnswer(q, fiber.StatusOK, func(b *bucket) error {
		if b.lock == nil && (!m.traits.LockExisting || b.versioning != types.BucketVersioningStatusEnabled) {
			return s3Error(409, "InvalidBucketState", "Object Lock configuration cannot be enabled on existing buckets.")
		}
		b.lock = want
		return nil
	})
}

// parseBucketLock reads a bucket's lock; Ceph takes a default of any length.
func parseBucketLock(body []byte, ceph bool) (*bucketLock, error) {
	var in struct {
		ObjectLockEnabled string
		Rule              *struct {
			DefaultRetention *struct {
				Mode        types.ObjectLockRetentionMode
				Days, Years *int
			}
		}
	}
	if err := unmarshalXML(body, &in); err != nil {
		return nil, err
	}
	if in.ObjectLockEnabled != "Enabled" {
		return nil, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	out := &bucketLock{}
	if in.Rule == nil || in.Rule.DefaultRetention == nil {
		return out, nil
	}
	d := in.Rule.DefaultRetention
	if d.Mode != modeGovernance && d.Mode != modeCompliance || (d.Days == nil) == (d.Years == nil) {
		return nil, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	out.mode = d.Mode
	for _, n := range []struct {
		from *int
		to   *int
		max  int
	}{{d.Days, &out.days, maxLockDays}, {d.Years, &out.years, maxLockYears}} {
		if n.from == nil {
			continue
		}
		if *n.from <= 0 || !ceph && *n.from > n.max {
			return nil, s3Error(400, "InvalidArgument", "The default retention period must be positive and not too long.")
		}
		*n.to = *n.from
	}
	return out, nil
}

// GetObjectLockConfiguration tells the front end that there is no lock for
// it to look after.
func (m *memory) GetObjectLockConfiguration(_ context.Context, name string) ([]byte, error) {
	return nil, s3err.GetBucketErr(s3err.ErrObjectLockConfigurationNotFound, name)
}
