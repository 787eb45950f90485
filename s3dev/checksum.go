package s3dev

import (
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3response"
)

// hideChecksums keeps checksum headers of an upload from the front end and the
// backend where the server does not look at them.
func (m *memory) hideChecksums(q *caller) {
	if q.key == "" || q.method != "PUT" || len(q.subresources()) > 0 && !q.has("partNumber") || m.traits.Checksums == ChecksumsVerified {
		return
	}
	const asked = "X-Amz-Sdk-Checksum-Algorithm"
	if m.traits.Checksums == ChecksumsAsked && (q.c.Get(asked) != "" || q.c.Get("X-Amz-Trailer") != "") {
		return
	}
	var names []string
	for name := range q.c.Request().Header.All() {
		if n := strings.ToLower(string(name)); strings.HasPrefix(n, "x-amz-checksum-") || strings.EqualFold(n, asked) {
			names = append(names, string(name))
		}
	}
	for _, name := range names {
		q.c.Request().Header.Del(name)
	}
}

// checksums are the x-amz-checksum-… headers of an upload, by algorithm.
type checksums map[utils.HashType]*string

func putChecksums(in s3response.PutObjectInput) checksums {
	return checksums{
		utils.HashTypeCRC32: in.ChecksumCRC32, utils.HashTypeCRC32C: in.ChecksumCRC32C,
		utils.HashTypeCRC64NVME: in.ChecksumCRC64NVME, utils.HashTypeSha1: in.ChecksumSHA1,
		utils.HashTypeSha256: in.ChecksumSHA256, utils.HashTypeSha512: in.ChecksumSHA512,
		utils.HashTypeMd5: in.ChecksumMD5,
	}
}

func partChecksums(in *s3.UploadPartInput) checksums {
	return checksums{
		utils.HashTypeCRC32: in.ChecksumCRC32, utils.HashTypeCRC32C: in.ChecksumCRC32C,
		utils.HashTypeCRC64NVME: in.ChecksumCRC64NVME, utils.HashTypeSha1: in.ChecksumSHA1,
		utils.HashTypeSha256: in.ChecksumSHA256, utils.HashTypeSha512: in.ChecksumSHA512,
		utils.HashTypeMd5: in.ChecksumMD5,
	}
}

// verify wraps a body so that reading it to the end fails when it does not
// match the checksum sent. value gives that checksum once the end was read:
// it may stand in the trailer, which the front end verifies itself.
func (c checksums) verify(r io.Reader) (_ io.Reader, value func() string, _ types.ChecksumAlgorithm, _ error) {
	if t, ok := r.(middlewares.ChecksumReader); ok && t.Algorithm() != "" {
		return r, t.Checksum, algorithmOf(t.Algorithm()), nil
	}
	for algorithm, sum := range c {
		if deref(sum) == "" {
			continue
		}
		hr, err := utils.NewHashReader(r, *sum, algorithm)
		if err != nil {
			return nil, nil, "", err
		}
		return hr, func() string { return *sum }, algorithmOf(string(algorithm)), nil
	}
	return r, nil, "", nil
}

func algorithmOf(name string) types.ChecksumAlgorithm {
	return types.ChecksumAlgorithm(strings.ToUpper(name))
}

func (c *checksum) putOutput(out *s3response.PutObjectOutput) {
	if c == nil {
		return
	}
	out.ChecksumType = types.ChecksumTypeFullObject
	c.into(&out.ChecksumCRC32, &out.ChecksumCRC32C, &out.ChecksumCRC64NVME, &out.ChecksumSHA1, &out.ChecksumSHA256)
}

func (c *checksum) getOutput(out *s3.GetObjectOutput) {
	if c == nil {
		return
	}
	out.ChecksumType = types.ChecksumTypeFullObject
	c.into(&out.ChecksumCRC32, &out.ChecksumCRC32C, &out.ChecksumCRC64NVME, &out.ChecksumSHA1, &out.ChecksumSHA256)
}

func (c *checksum) into(crc32, crc32c, crc64nvme, sha1, sha256 **string) {
	switch c.algorithm {
	case types.ChecksumAlgorithmCrc32:
		*crc32 = &c.value
	case types.ChecksumAlgorithmCrc32c:
		*crc32c = &c.value
	case types.ChecksumAlgorithmCrc64nvme:
		*crc64nvme = &c.value
	case types.ChecksumAlgorithmSha1:
		*sha1 = &c.value
	case types.ChecksumAlgorithmSha256:
		*sha256 = &c.value
	}
}

func cloneString[T ~string](s T) T { return T(strings.Clone(string(s))) }
