package rwm

import (
	"context"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3state"
)

// checkBucket warns if the configured bucket is not policed as it should be, and
// tells whether it keeps versions. A policed bucket that keeps none is refused:
// they were switched off. A bucket that never was policed is only warned of,
// unless the configuration requires versions.
func (m *Manager) checkBucket(ctx context.Context) (versioned bool, err error) {
	bucket := m.cfg.ResticBucket
	check, err := m.store.CheckPolicy(ctx, bucket)
	if s3err.Forbidden(err) {
		m.warn(fmt.Sprintf("whether bucket %s is policed cannot be found out: %v", bucket, err))
		return true, nil // saving the state will tell
	}
	if err != nil {
		return false, err
	}
	versioned = check.Versioning == s3state.VersioningEnabled
	switch policed := check.Admin != "" && check.Target != ""; {
	case versioned:
	case policed:
		return false, fmt.Errorf("bucket %s: %w, though it has the policy of a policed bucket: what is deleted or overwritten now is lost; "+
			"find out who switched it off and have the admin enable it: %s; nothing was done", bucket, s3state.ErrNotVersioned, enableVersioning(bucket))
	case m.cfg.RequireVersioning:
		return false, fmt.Errorf("bucket %s: %w, and the configuration has require_versioning; enable it as the bucket's owner: %s; nothing was done",
			bucket, s3state.ErrNotVersioned, enableVersioning(bucket))
	default:
		m.warn(fmt.Sprintf("bucket %s KEEPS NO VERSIONS: an attacker on this host can delete or overwrite every backup, and nothing brings them back; "+
			"let the admin make a policed bucket (rwm storage-create), or at least enable versioning as its owner: %s", bucket, enableVersioning(bucket)))
	}
	if m.ownsBucket(ctx, bucket) {
		m.warn(fmt.Sprintf("bucket %s is this host's own: an attacker on the host can destroy all versions in it; let another identity own it (storage-create)", bucket))
	}
	if !check.OK {
		m.warn(fmt.Sprintf("the policy of bucket %s is not as expected: %s", bucket, strings.Join(check.Problems, "; ")))
	}
	return versioned, nil
}

func enableVersioning(bucket string) string {
	return "`rwm aws s3api put-bucket-versioning --bucket " + bucket + " --versioning-configuration Status=Enabled`"
}

// tryAccess tries what these credentials can do, and warns if they can do harm,
// whatever the policy seems to say.
func (m *Manager) tryAccess(ctx context.Context) {
	access, err := m.store.Access(ctx, m.cfg.ResticBucket, s3state.AccessOptions{Quick: true})
	if err != nil {
		m.log.Debug("what these credentials can do is not known", "error", err) // checkBucket has said what matters
		return
	}
	var harm []string
	for _, r := range access.Results {
		if r.Harm {
			harm = append(harm, r.Action)
		}
	}
	if len(harm) > 0 {
		m.warn(fmt.Sprintf("these credentials can do harm to bucket %s (%s), and so can an attacker on this host; `rwm storage-access %s` tries more",
			m.cfg.ResticBucket, strings.Join(harm, ", "), m.cfg.ResticBucket))
	}
}

// ownsBucket reports whether the bucket is among those of our own identity. An
// identity that may not even ask owns none, as far as this can be known.
func (m *Manager) ownsBucket(ctx context.Context, bucket string) bool {
	buckets, err := m.client.ListBuckets(ctx)
	if err != nil {
		m.log.Debug("own buckets not known", "error", err)
		return false
	}
	for _, own := range buckets {
		if own.Name == bucket {
			return true
		}
	}
	return false
}
