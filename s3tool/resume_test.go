package s3tool_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3tool"
)

// No matter which parts arrived, the next copy resumes the upload, and leaves none
// behind: it would be paid for and be seen by nobody.
func TestUploadResumesFromAnyParts(t *testing.T) {
	const mib = 1 << 20
	f := newWorld(t, false)
	core := minio.Core{Client: f.client}
	content := make([]byte, 21*mib)
	rand.Read(content) //nolint:errcheck // never fails
	path := write(t, t.TempDir(), "big", string(content))
	for _, test := range []struct {
		key             string
		partSize        int // ours are of 5 MiB
		parts           []int
		resumed, behind int
	}{
		{"no part", 5 * mib, nil, 0, 0},
		{"not the first +%20ž", 5 * mib, []int{2, 4}, 10 * mib, 0},
		{"the last", 5 * mib, []int{5}, mib, 0},
		{"not the first and the last", 5 * mib, []int{3, 5}, 6 * mib, 0},
		{"all", 5 * mib, []int{1, 2, 3, 4, 5}, 21 * mib, 0},
		{"larger parts", 8 * mib, []int{2}, 8 * mib, 0},
		{"larger parts and the last", 8 * mib, []int{2, 3}, 13 * mib, 0},
		// It was a longer file: the parts say nothing about this one.
		{"another file", 6 * mib, []int{2, 4}, 0, 1},
	} {
		id, err := core.NewMultipartUpload(t.Context(), f.bucket, test.key, minio.PutObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		was := content
		if test.behind > 0 {
			was = make([]byte, 2*len(content))
		}
		for _, number := range test.parts {
			part := was[(number-1)*test.partSize : min(number*test.partSize, len(was))]
			if _, err := core.PutObjectPart(t.Context(), f.bucket, test.key, id, number, bytes.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if r := f.copy(t, path, f.url(test.key), s3tool.CopyOptions{}); r.Resumed != int64(test.resumed) {
			t.Errorf("%s: resumed %d bytes, want %d", test.key, r.Resumed, test.resumed)
		}
		if f.cat(t, f.at(test.key)) != string(content) {
			t.Errorf("%s: the object differs from the file", test.key)
		}
		list, err := core.ListMultipartUploads(t.Context(), f.bucket, test.key, "", "", "", 10)
		if err != nil || len(list.Uploads) != test.behind {
			t.Errorf("%s: %d uploads left, want %d (%v)", test.key, len(list.Uploads), test.behind, err)
		}
	}
}
