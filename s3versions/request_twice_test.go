package s3versions_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/s3versions"
)

// Ceph 18 and 20 answer GET ?publicAccessBlock with a body that comes again before the
// next answer. No other request may read it.
func TestBodySentTwice(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				again := ""
				for in := bufio.NewReader(conn); ; {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					body := "<Answer/>"
					fmt.Fprintf(conn, "%sHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", again, len(body), body)
					if again = ""; req.URL.Query().Has("publicAccessBlock") {
						again = body
					}
				}
			}()
		}
	}()
	client, err := minio.New(l.Addr().String(), &minio.Options{
		Creds: credentials.NewStaticV4("K", "S", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := s3versions.New(client, s3versions.WithRetries(1, 0))
	for range 5 {
		for _, what := range []string{"publicAccessBlock", "acl"} {
			got, err := c.Call(t.Context(), s3versions.Request{Method: http.MethodGet, Bucket: "bucket", Query: url.Values{what: {""}}})
			if err != nil || string(got) != "<Answer/>" {
				t.Fatalf("%s: %q, %v", what, got, err)
			}
		}
	}
}
