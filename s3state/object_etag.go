package s3state

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/cesnet/rwm/s3versions"
)

// etagsAreMD5 finds out whether the ETags of a bucket are the MD5s of the bytes, as
// they are not under SSE-KMS. It reads one of restic's keys, whose bytes are known by
// the SHA-256 in its name. Without evidence it takes them for MD5s.
func (s *Store) etagsAreMD5(ctx context.Context, bucket string) bool {
	const largest, most = 64 << 10, 3
	if known, ok := s.md5s.Load(bucket); ok {
		return known.(bool)
	}
	answer, read := true, 0
	_ = s.listVersions(ctx, bucket, "keys/", nil, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if read >= most || v.DeleteMarker || v.Size > largest || resticID(v.Key) == "" || !s3versions.IsMD5(v.ETag) {
				continue
			}
			read++
			var b bytes.Buffer
			body, _, err := s.openObject(ctx, bucket, v.Key, v.VersionID)
			if err != nil {
				continue
			}
			_, err = b.ReadFrom(body)
			body.Close()
			sum, sum5 := sha256.Sum256(b.Bytes()), md5.Sum(b.Bytes())
			if err == nil && hex.EncodeToString(sum[:]) == resticID(v.Key) {
				answer = strings.EqualFold(hex.EncodeToString(sum5[:]), s3versions.BareETag(v.ETag))
				read = most
			}
		}
		return nil
	})
	if ctx.Err() == nil {
		s.md5s.Store(bucket, answer)
	}
	return answer
}

// encryptedElsewhere reports whether the headers of an object say that its ETag is no
// MD5.
func encryptedElsewhere(metadata map[string][]string) bool {
	for name, values := range metadata {
		name = strings.ToLower(name)
		if name == "x-amz-server-side-encryption-customer-algorithm" {
			return true
		}
		if name == "x-amz-server-side-encryption" && len(values) > 0 && strings.HasPrefix(values[0], "aws:") {
			return true
		}
	}
	return false
}
