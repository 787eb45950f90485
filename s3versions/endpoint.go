package s3versions

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/cesnet/rwm/internal/s3err"
)

// endpoint is where and how a bucket's requests are sent.
type endpoint struct {
	url    url.URL // of the bucket, without query
	region string
}

// locate asks the client for a bucket's URL and region, so that addressing style and
// region are the client's own. Presigning sends no request (unless the region has to
// be asked for, as for every other call of the client). The bucket "" stands for the
// server as a whole.
func (c *Client) locate(ctx context.Context, bucket string) (endpoint, error) {
	if bucket == "" {
		return c.locateServer(), nil
	}
	c.known.mu.Lock()
	at, ok := c.known.of[bucket]
	c.known.mu.Unlock()
	if ok {
		return at, nil
	}
	if creds, err := c.client.GetCreds(); err == nil && anonymous(creds) {
		// The client presigns nothing then. Every server knows a bucket by its path.
		at = c.locateServer()
		at.url.Path += bucket + "/"
		return at, nil
	}
	at, err := c.presigned(ctx, bucket)
	if err != nil {
		return endpoint{}, s3err.Wrap(err, "bucket %s", bucket)
	}
	c.known.mu.Lock()
	c.known.of[bucket] = at
	c.known.mu.Unlock()
	return at, nil
}

// URL returns the address of a bucket, in the client's addressing style.
func (c *Client) URL(ctx context.Context, bucket string) (*url.URL, error) {
	c = c.made()
	at, err := c.locate(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return &at.url, nil
}

// presigned takes a bucket's URL and region from a URL that the client presigns.
func (c *Client) presigned(ctx context.Context, bucket string) (endpoint, error) {
	u, err := c.client.Presign(ctx, http.MethodGet, bucket, "", time.Minute, nil)
	if err != nil {
		return endpoint{}, err
	}
	at := endpoint{url: url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, region: defaultRegion}
	// AccessKey/date/region/s3/aws4_request; the access key may hold slashes.
	scope := strings.Split(u.Query().Get("X-Amz-Credential"), "/")
	if n := len(scope); n >= 5 {
		at.region = scope[n-3]
	}
	return at, nil
}

const defaultRegion = "us-east-1"

// locateServer is where requests go that concern no bucket, and their region: the one
// that the server has asked for, or that of a bucket, or the endpoint's.
func (c *Client) locateServer() endpoint {
	at := endpoint{url: *c.client.EndpointURL(), region: s3utils.GetRegionFromURL(*c.client.EndpointURL())}
	at.url.Path = "/"
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	switch {
	case c.known.region != "":
		at.region = c.known.region
	case len(c.known.of) > 0:
		for _, known := range c.known.of { // the region the client is set to, if it has been seen
			at.region = known.region
		}
	case at.region == "":
		at.region = defaultRegion
	}
	return at
}

// otherRegion reports whether a request that concerns no bucket was refused because the
// server is in another region than it was signed for, and signs the next one for that.
func (c *Client) otherRegion(r Request, signedFor string, err error) bool {
	var refused minio.ErrorResponse
	if r.Bucket != "" || !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "AuthorizationHeaderMalformed", "InvalidRegion":
	default:
		return false
	}
	region := refused.Region
	if region == "" {
		// That of the client, if it is set to one. Otherwise it would ask for the bucket's,
		// which the ended context keeps it from.
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if at, err := c.presigned(ended, "any-bucket"); err == nil {
			region = at.region
		}
	}
	if region == "" || region == signedFor {
		return false
	}
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	c.known.region = region
	return true
}

func anonymous(creds credentials.Value) bool {
	return creds.SignerType.IsAnonymous() || creds.AccessKeyID == "" || creds.SecretAccessKey == ""
}
