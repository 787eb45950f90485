package s3err

import (
	"io"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// NoClient stands in for a client that was not given: each request returns an error
// that says so, and nothing is sent.
func NoClient() *minio.Client {
	client, err := minio.New("no-client.invalid", &minio.Options{Creds: credentials.NewStaticV4("none", "none", ""), Region: "none", Transport: noTransport{}, MaxRetries: 1})
	if err != nil {
		panic(err) // the arguments are constant
	}
	return client
}

type noTransport struct{}

func (noTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	const body = `<Error><Code>InvalidArgument</Code><Message>no S3 client was given</Message></Error>`
	return &http.Response{StatusCode: http.StatusBadRequest, Status: "400 Bad Request", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: request}, nil
}
