package rwm

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/internal/s3config"
)

// NewTransport returns the HTTP transport a [Manager] uses unless it is given one:
// minio-go's, but it keeps up to 64 idle connections to the server, and connecting
// times out after five seconds, so that a wrong address is noticed soon. An answer must
// begin within three minutes, because some servers finish a batch delete or a copy
// before they answer. Callers set shorter limits for each request.
func NewTransport() (*http.Transport, error) {
	// minio-go reads SSL_CERT_FILE now and parses it, for each transport; on Unix,
	// package x509 reads it itself, once, when a server turns out to be https.
	transport, err := minio.DefaultTransport(runtime.GOOS == "darwin" || runtime.GOOS == "windows")
	if err != nil {
		return nil, err
	}
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	transport.MaxIdleConnsPerHost = 64
	transport.ResponseHeaderTimeout = 3 * time.Minute
	transport.ForceAttemptHTTP2 = false // S3 is faster over many connections than over one
	return transport, nil
}

// NewClient makes the S3 client of a configuration. It uses path-style addressing and
// asks the server for the bucket's region, unless the extra arguments of the backups say
// otherwise with -o s3.…. A nil transport means [NewTransport].
//
// The client itself retries a request only once, since packages restic and s3state do
// their own retries and know which failures are transient.
func NewClient(cfg *Config, transport http.RoundTripper) (*minio.Client, error) {
	if cfg == nil {
		return nil, errNilConfig()
	}
	if err := cfg.validateS3(); err != nil {
		return nil, err
	}
	if cfg.S3AccessKey == "" || cfg.S3SecretKey == "" {
		return nil, cfg.source.at("s3_secret_key", "is given by other means than its value, and not read yet: call Config.ReadSecrets first")
	}
	endpoint, err := s3config.Endpoint(cfg.S3EndpointURL)
	if err != nil {
		return nil, cfg.source.at("s3_endpoint_url", "%s", err)
	}
	if transport == nil {
		if transport, err = NewTransport(); err != nil {
			return nil, err
		}
	}
	flags, err := cfg.clientFlags(os.Getenv)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(endpoint.Host, flags.MinioOptions(minio.Options{
		Creds:     credentials.NewStaticV4(cfg.S3AccessKey, cfg.S3SecretKey, ""),
		Secure:    endpoint.Scheme == "https",
		Transport: reqctx.RepeatLocation(transport),
	}))
	if err != nil {
		return nil, cfg.source.at("s3_endpoint_url", "%s", err)
	}
	return client, nil
}
