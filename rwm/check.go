package rwm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/s3state"
)

// checkBucket warns if the configured bucket is not policed as it should be. That
// it keeps versions at all is no matter of opinion: without them a saved state
// protects nothing, so a bucket without versioning is refused.
func (m *Manager) checkBucket(ctx context.Context) error {
	bucket := m.cfg.ResticBucket
	check, err := m.store.CheckPolicy(ctx, bucket)
	if errors.Is(err, s3state.ErrAccessDenied) {
		m.warn(fmt.Sprintf("whether bucket %s is policed cannot be found out: %v", bucket, err))
		return nil
	}
	if err != nil {
		return err
	}
	if check.Versioning != "Enabled" {
		return fmt.Errorf("bucket %s: %w, so nothing in it is safe; create a policed bucket (storage-create) or enable versioning as its owner; nothing was done",
			bucket, s3state.ErrNotVersioned)
	}
	if m.ownsBucket(ctx, bucket) {
		m.warn(fmt.Sprintf("bucket %s is this host's own: whoever breaks into the host can destroy all versions in it; let another identity own it (storage-create)", bucket))
	}
	if !check.OK {
		m.warn(fmt.Sprintf("the policy of bucket %s is not as expected: %s", bucket, strings.Join(check.Problems, "; ")))
	}
	return nil
}

// tryAccess warns if trying shows that these credentials can do harm, whatever the
// policy seems to say.
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
		m.warn(fmt.Sprintf("these credentials can do harm to bucket %s (%s), and so can whoever breaks into this host; rwm storage-access tries more",
			m.cfg.ResticBucket, strings.Join(harm, ", ")))
	}
}

// ownsBucket tells whether the bucket is among those of our own identity. An
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
