package s3dev

import "fmt"

// Quota bounds what a bucket holds, all versions counted; 0 is no bound.
// Writes beyond it fail with 403 QuotaExceeded. Delete markers and deletions
// go on.
type Quota struct {
	Bytes   int64 `json:"bytes"`
	Objects int64 `json:"objects"`
}

// Usage is what a bucket holds: all versions, delete markers counted apart.
type Usage struct {
	Bytes   int64 `json:"bytes"`
	Objects int64 `json:"objects"`
	Markers int64 `json:"markers"`
	Uploads int64 `json:"uploads"` // unfinished multipart uploads
}

var errQuota = s3Error(403, "QuotaExceeded", "The quota of the bucket is exceeded.")

// SetQuota bounds a bucket; the zero Quota takes the bound away.
func (s *Server) SetQuota(bucketName string, q Quota) error {
	if err := s.mem.change(bucketName, func(b *bucket) error { b.quota = q; return nil }); err != nil {
		return fmt.Errorf("s3dev: quota of bucket %q: %w", bucketName, err)
	}
	return nil
}

// Usage returns what a bucket holds; a [Synthetic] one's own objects only.
func (s *Server) Usage(bucketName string) (Usage, error) {
	u, err := read(s.mem, bucketName, func(b *bucket) (Usage, error) {
		u := b.usage
		u.Uploads = int64(len(b.uploads))
		return u, nil
	})
	if err != nil {
		return u, fmt.Errorf("s3dev: usage of bucket %q: %w", bucketName, err)
	}
	return u, nil
}

// room refuses what would exceed the quota. The caller holds the lock.
func (b *bucket) room(size int64) error {
	if b.quota.Bytes > 0 && b.usage.Bytes+size > b.quota.Bytes || b.quota.Objects > 0 && b.usage.Objects >= b.quota.Objects {
		return errQuota
	}
	return nil
}

// count keeps the usage as versions come (1) and go (-1).
func (u *Usage) count(v *version, n int64) {
	if v.marker {
		u.Markers += n
		return
	}
	u.Objects += n
	u.Bytes += n * v.size
}
