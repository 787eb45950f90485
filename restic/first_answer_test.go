package restic

import (
	"net/http"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// TestFirstAnswerCutOff: a server whose first answer is cut off has answered, and is
// asked again as later.
func TestFirstAnswerCutOff(t *testing.T) {
	srv := s3test.Start(t)
	plain := newBucket(t, srv).(*s3Location)
	s, err := Init(t.Context(), plain, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	transport := &s3test.Faults{}
	transport.Inject(s3test.Fault{Method: http.MethodGet, Path: "prefix=keys", Kind: s3test.Truncate, Times: 1})
	s, err = Open(t.Context(), S3(srv.ClientVia(t, srv.Admin, transport), plain.bucket, ""), testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
