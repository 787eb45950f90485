package s3state

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// ErrDamaged means that an object's bytes do not match its name or ETag. ErrCorrupt is
// the same error under its former name.
var (
	ErrDamaged = s3err.ErrDamaged
	ErrCorrupt = ErrDamaged
)

// fetchChecked reads a version and checks its bytes against its name or its ETag.
func (s *Store) fetchChecked(ctx context.Context, bucket string, o entry, w io.Writer) (hashed bool, err error) {
	body, info, err := s.openObject(ctx, bucket, o.Key, o.VersionID)
	if err != nil {
		return false, err
	}
	defer body.Close()
	want, sum := contentHash(o)
	if sum != nil {
		w = io.MultiWriter(w, sum)
	}
	n, err := io.Copy(w, body)
	switch {
	case err != nil:
		return false, err
	case n != o.Size:
		return false, fmt.Errorf("%w: %d bytes came, not %d", ErrDamaged, n, o.Size)
	case sum == nil:
		return false, nil
	case hex.EncodeToString(sum.Sum(nil)) == want:
		return true, nil
	case resticID(o.Key) == "" && (encryptedElsewhere(info.Metadata) || !s.etagsAreMD5(ctx, bucket)):
		return false, nil // the ETag says nothing about the bytes
	default:
		return false, fmt.Errorf("%w: its bytes hash to %x, not to %s", ErrDamaged, sum.Sum(nil), want)
	}
}

// contentHash returns the hash an object must have: the name of restic's objects, of
// others the ETag if it is an MD5.
func contentHash(o entry) (want string, sum hash.Hash) {
	if id := resticID(o.Key); id != "" {
		return id, sha256.New()
	}
	if s3versions.IsMD5(o.ETag) {
		return strings.ToLower(s3versions.BareETag(o.ETag)), md5.New()
	}
	return "", nil
}
