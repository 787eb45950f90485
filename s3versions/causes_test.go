package s3versions_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/s3versions"
)

type refusing struct{ code string }

func (s refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader("<Error><Code>" + s.code + "</Code><Message>no</Message></Error>"))
	return &http.Response{StatusCode: http.StatusForbidden, Request: req, Header: http.Header{}, Body: body}, nil
}

// Whatever is listed, the cause of a refusal is one of the sentinels, and the server's
// answer can be had.
func TestCausesOfRefusals(t *testing.T) {
	for code, want := range map[string][]error{
		"AccessDenied":          {s3versions.ErrAccessDenied},
		"SignatureDoesNotMatch": {s3versions.ErrCredentials, s3versions.ErrAccessDenied},
		"NoSuchBucket":          {s3versions.ErrNoBucket},
	} {
		client, err := minio.New("s3.example.org", &minio.Options{Creds: credentials.NewStaticV4("K", "S", ""), Region: "us-east-1", Transport: refusing{code}, MaxRetries: 1})
		if err != nil {
			t.Fatal(err)
		}
		c := s3versions.New(client)
		lists := map[string]error{}
		_, _, lists["buckets"] = c.Buckets(t.Context())
		for _, lists["versions"] = range c.Versions(t.Context(), "bucket", "") {
			break
		}
		for _, lists["objects"] = range c.Objects(t.Context(), "bucket", "", true) {
			break
		}
		for _, lists["uploads"] = range c.Uploads(t.Context(), "bucket", "") {
			break
		}
		for what, err := range lists {
			var answer minio.ErrorResponse
			if !errors.As(err, &answer) || answer.Code != code {
				t.Errorf("%s %s: no answer: %v", code, what, err)
			}
			for _, sentinel := range want {
				if !errors.Is(err, sentinel) {
					t.Errorf("%s %s is no %v: %v", code, what, sentinel, err)
				}
			}
		}
	}
}
