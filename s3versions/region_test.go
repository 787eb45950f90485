package s3versions_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/s3versions"
)

// regional is a server in one region, which refuses what was signed for another; with
// names it says for which.
type regional struct {
	region string
	names  bool
	asked  []string // the regions of the requests
}

func (s *regional) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Request: req, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	scope := strings.Split(req.Header.Get("Authorization"), "/")
	if len(scope) < 3 {
		s.asked = append(s.asked, "")
		return answer(http.StatusOK, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
	}
	s.asked = append(s.asked, scope[2])
	if scope[2] == s.region {
		return answer(http.StatusOK, "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>")
	}
	named := ""
	if s.names {
		named = "<Region>" + s.region + "</Region>"
	}
	return answer(http.StatusBadRequest, fmt.Sprintf("<Error><Code>AuthorizationHeaderMalformed</Code><Message>no</Message>%s</Error>", named))
}

func (s *regional) client(t *testing.T, endpoint, region string, creds *credentials.Credentials) *s3versions.Client {
	t.Helper()
	client, err := minio.New(endpoint, &minio.Options{Creds: creds, Region: region, Transport: s, MaxRetries: 1, Secure: true})
	if err != nil {
		t.Fatal(err)
	}
	return s3versions.New(client)
}

// Buckets are listed for the region of the server: what the endpoint, the client or the
// refusal says.
func TestRegionOfTheServer(t *testing.T) {
	for _, c := range []struct {
		endpoint, region string
		names            bool
		asked            []string
	}{
		{"s3.eu-central-1.amazonaws.com", "", false, []string{"eu-central-1"}},
		{"s3.example.org", "eu-central-1", false, []string{"us-east-1", "eu-central-1"}},
		{"s3.example.org", "", true, []string{"us-east-1", "eu-central-1"}},
	} {
		s := &regional{region: "eu-central-1", names: c.names}
		client := s.client(t, c.endpoint, c.region, credentials.NewStaticV4("K", "S", ""))
		if _, _, err := client.Buckets(t.Context()); err != nil || !slices.Equal(s.asked, c.asked) {
			t.Errorf("%+v: asked for %q, %v", c, s.asked, err)
		}
		s.asked = nil
		if _, _, err := client.Buckets(t.Context()); err != nil || len(s.asked) != 1 {
			t.Errorf("%+v: then asked for %q, %v", c, s.asked, err)
		}
	}
	s := &regional{region: "eu-central-1"}
	if _, _, err := s.client(t, "s3.example.org", "", credentials.NewStaticV4("K", "S", "")).Buckets(t.Context()); err == nil || len(s.asked) != 1 {
		t.Errorf("asked for %q, %v", s.asked, err)
	}
}

// A client without credentials reads what a bucket shows to everyone.
func TestWithoutCredentials(t *testing.T) {
	for _, creds := range []*credentials.Credentials{credentials.NewStatic("", "", "", credentials.SignatureAnonymous), credentials.NewStaticV4("", "", "")} {
		s := &regional{}
		client := s.client(t, "s3.example.org", "", creds)
		for _, err := range client.Objects(t.Context(), "bucket", "", true) {
			t.Error(err)
		}
		if u, err := client.URL(t.Context(), "bucket"); err != nil || u.String() != "https://s3.example.org/bucket/" || !slices.Equal(s.asked, []string{""}) {
			t.Errorf("%v, %v; asked for %q", u, err, s.asked)
		}
	}
}
