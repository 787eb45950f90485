package s3versions

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

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
	u, err := c.client.Presign(ctx, http.MethodGet, bucket, "", time.Minute, nil)
	if err != nil {
		return endpoint{}, s3err.Wrap(err, "bucket %s", bucket)
	}
	at = endpoint{url: url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, region: "us-east-1"}
	// AccessKey/date/region/s3/aws4_request; the access key may hold slashes.
	scope := strings.Split(u.Query().Get("X-Amz-Credential"), "/")
	if n := len(scope); n >= 5 {
		at.region = scope[n-3]
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

func (c *Client) locateServer() endpoint {
	at := endpoint{url: *c.client.EndpointURL(), region: "us-east-1"}
	at.url.Path = "/"
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	for _, known := range c.known.of { // the region the client is set to, if it has been seen
		at.region = known.region
	}
	return at
}
