package restic

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// Save stores an object with one PUT. The name of nearly every object is the SHA-256 of
// its content, so nothing is hashed here: the name signs the payload and is sent as the
// checksum. The server verifies and keeps it, and object lock accepts it where a
// checksum is required.
func (b *s3Backend) Save(ctx context.Context, h engbackend.Handle, rd engbackend.RewindReader) error {
	key := b.layout.Filename(h)
	sum, err := payloadSum(h, rd)
	if err != nil {
		return err
	}
	class := b.class
	if archive := class == "GLACIER" || class == "DEEP_ARCHIVE"; archive && (h.Type != engbackend.PackFile || h.IsMetadata) {
		class = "" // it has to be there at once
	}
	grant := b.packGrant(ctx, h)
	err = b.put(ctx, key, class, grant, sum, rd)
	if err != nil && !b.noChecksums.Load() && refusesChecksum(err) && ctx.Err() == nil {
		if rerr := rd.Rewind(); rerr != nil {
			return rerr
		}
		b.noChecksums.Store(true)
		err = b.put(ctx, key, class, grant, sum, rd)
	}
	return err
}

func (b *s3Backend) put(ctx context.Context, key, class, grant string, sum []byte, rd engbackend.RewindReader) error {
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true, StorageClass: class, UserMetadata: map[string]string{}}
	if grant != "" {
		opts.UserMetadata["x-amz-grant-full-control"] = grant
	}
	contentMD5 := ""
	if b.noChecksums.Load() {
		var err error
		if contentMD5, err = payloadMD5(rd); err != nil {
			return err
		}
	} else {
		opts.UserMetadata["x-amz-checksum-sha256"] = base64.StdEncoding.EncodeToString(sum)
	}
	w, ctx := b.watch(ctx)
	defer w.stop()
	info, err := b.core.PutObject(ctx, b.bucket, key, w.upload(rd), rd.Length(), contentMD5, hex.EncodeToString(sum), opts)
	if err == nil && info.ETag == "" {
		err = errors.New("the server did not confirm the upload with an ETag")
	}
	if err != nil {
		return w.explain(b.fail("PUT", key, err), func() error { return b.fail("PUT", key, errStalled) })
	}
	b.answered.Store(true)
	return nil
}

// payloadSum returns the SHA-256 of the content: the object's name, or a computed sum
// for the small config, whose name is not a hash.
func payloadSum(h engbackend.Handle, rd engbackend.RewindReader) ([]byte, error) {
	if h.Type != engbackend.ConfigFile {
		if sum, err := hex.DecodeString(h.Name); err == nil && len(sum) == sha256.Size {
			return sum, nil
		}
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, rd); err != nil {
		return nil, err
	}
	return hash.Sum(nil), rd.Rewind()
}

func payloadMD5(rd engbackend.RewindReader) (string, error) {
	hash := md5.New()
	if _, err := io.Copy(hash, rd); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(hash.Sum(nil)), rd.Rewind()
}

// refusesChecksum reports whether an error may come from a server that does not support
// the checksum header.
func refusesChecksum(err error) bool {
	var resp minio.ErrorResponse
	if !errors.As(err, &resp) {
		return false
	}
	switch resp.Code {
	case "NotImplemented", "InvalidArgument", "InvalidRequest", "InvalidHeader":
		return true
	}
	return resp.StatusCode == http.StatusNotImplemented
}

// tooShort is the error for an object that ends before the requested range, in the form
// that the classification expects.
func tooShort(message string) error {
	return minio.ErrorResponse{Code: "InvalidRange", StatusCode: http.StatusRequestedRangeNotSatisfiable, Message: fmt.Sprintf("object too short: %s", message)}
}
