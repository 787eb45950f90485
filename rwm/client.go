package rwm

import (
	"net"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// NewTransport returns the HTTP transport a [Manager] uses unless it is given
// one: that of minio-go with room for 64 connections to the server at a time
// without closing any, and with five seconds to connect, so that a wrong address
// shows soon. The answer may take three minutes to begin: some servers work off a
// batch delete or a copy before they say a word, and what is too long for a
// request is known better where it is made.
func NewTransport() (*http.Transport, error) {
	transport, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, err
	}
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	transport.MaxIdleConnsPerHost = 64
	transport.ResponseHeaderTimeout = 3 * time.Minute
	transport.ForceAttemptHTTP2 = false // S3 is faster over many connections than over one
	return transport, nil
}

// NewClient makes the S3 client of a configuration: path-style addressing, the
// bucket's region asked of the server. A nil transport means [NewTransport].
//
// The client itself repeats a request once only; the packages restic and s3state
// have retries of their own that know what is worth repeating.
func NewClient(cfg *Config, transport http.RoundTripper) (*minio.Client, error) {
	if err := cfg.validateS3(); err != nil {
		return nil, err
	}
	endpoint, err := parseEndpoint(cfg.S3EndpointURL)
	if err != nil {
		return nil, cfg.source.at("s3_endpoint_url", "%s", err)
	}
	if transport == nil {
		if transport, err = NewTransport(); err != nil {
			return nil, err
		}
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.S3AccessKey, cfg.S3SecretKey, ""),
		Secure:       endpoint.Scheme == "https",
		Transport:    transport,
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   2,
	})
	if err != nil {
		return nil, cfg.source.at("s3_endpoint_url", "%s", err)
	}
	return client, nil
}
