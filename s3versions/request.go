package s3versions

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// Request is one S3 request.
type Request struct {
	Method string
	Bucket string     // "" for the server as a whole, as to list buckets
	Key    string     // any key that S3 accepts: minio-go refuses some, such as a space
	Query  url.Values // {"acl": {""}} for ?acl
	Header http.Header
	Body   []byte // XML or JSON; nil for none
}

// maxReply bounds the answers that are read whole; listings are not.
const maxReply = 8 << 20

// Send signs and sends a request once and returns an answer of status 2xx, whose body
// the caller closes. Any other answer becomes an error, a minio.ErrorResponse.
func (c *Client) Send(ctx context.Context, r Request) (*http.Response, error) {
	c = c.made()
	for again := false; ; again = true {
		at, err := c.locate(ctx, r.Bucket)
		if err != nil {
			return nil, err
		}
		req, err := c.signed(ctx, r, at)
		if err != nil {
			return nil, err
		}
		resp, err := c.do(req, r.Bucket)
		if again || !c.otherRegion(r, at.region, err) {
			return resp, err
		}
	}
}

// Do sends a request as it is, unsigned, and treats the answer as Send does.
func (c *Client) Do(req *http.Request) (*http.Response, error) { return c.made().do(req, "") }

func (c *Client) do(req *http.Request, bucket string) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, noAnswer(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, errorReply(resp, bucket)
}

// Call sends a small request, repeats it as [Client.Retry] does, and returns the body
// of the answer. An error document in an answer of status 200 is an error, too.
func (c *Client) Call(ctx context.Context, r Request) ([]byte, error) {
	c = c.made()
	var reply []byte
	err := c.Retry(ctx, r.Bucket, r.Method, 0, func(ctx context.Context) error {
		resp, err := c.Send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		reply, err = io.ReadAll(io.LimitReader(resp.Body, maxReply))
		if err != nil {
			return err
		}
		return errorInside(reply)
	})
	return reply, err
}

func (c *Client) signed(ctx context.Context, r Request, at endpoint) (*http.Request, error) {
	u := at.url
	if r.Key != "" {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/" + r.Key
		u.RawPath = strings.TrimSuffix(at.url.EscapedPath(), "/") + "/" + s3utils.EncodePath(r.Key)
	}
	u.RawQuery = encodeQuery(r.Query)
	req, err := http.NewRequestWithContext(reqctx.WithoutCause(ctx), r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	sum := sha256.Sum256(r.Body)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if r.Body != nil {
		m := md5.Sum(r.Body)
		req.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(m[:]))
		req.Header.Set("Content-Type", "application/xml")
	}
	creds, err := c.client.GetCreds()
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	if creds.SignerType.IsV2() {
		return nil, fmt.Errorf("%w: the client signs with S3 signature version 2, version 4 is needed", ErrInvalid)
	}
	req = signer.SignV4(*req, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, at.region)
	// Ceph 18 and 20 send the answer's body a second time, where the next answer on the
	// connection would begin.
	req.Close = r.Method == http.MethodGet && r.Query.Has("publicAccessBlock")
	return req, nil
}

// errorReply reads an S3 error document; answers of proxies have none.
func errorReply(resp *http.Response, bucket string) error {
	r := minio.ErrorResponse{}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		// Which error it is was cut off: no policy, no bucket, …
		return fmt.Errorf("%w: %s: %v", ErrTruncated, resp.Status, err)
	}
	if err := xml.Unmarshal(data, &r); err != nil || r.Code == "" {
		r = minio.ErrorResponse{Code: strings.ReplaceAll(http.StatusText(resp.StatusCode), " ", ""), Message: resp.Status}
		switch resp.StatusCode {
		case http.StatusNotFound:
			r.Code = "NoSuchBucket"
		case http.StatusForbidden:
			r.Code = "AccessDenied"
		}
	}
	r.StatusCode = resp.StatusCode
	if r.BucketName == "" {
		r.BucketName = bucket
	}
	return r
}

// errorInside finds an error document in an answer of status 200.
func errorInside(reply []byte) error {
	head := bytes.TrimSpace(reply)
	if bytes.HasPrefix(head, []byte("<?xml")) {
		if i := bytes.Index(head, []byte("?>")); i >= 0 {
			head = bytes.TrimSpace(head[i+2:])
		}
	}
	if !bytes.HasPrefix(head, []byte("<Error>")) && !bytes.HasPrefix(head, []byte("<Error ")) {
		return nil
	}
	r := minio.ErrorResponse{}
	if err := xml.Unmarshal(head, &r); err != nil {
		return fmt.Errorf("%w: %v", ErrTruncated, err)
	}
	r.StatusCode = http.StatusOK
	return r
}

// noAnswer drops the URL from a transport error: it says nothing the caller does not
// know, and may hold more than a log should.
func noAnswer(err error) error {
	var ue *url.Error
	switch {
	case !errors.As(err, &ue):
		return err
	case errors.Is(err, context.Canceled):
		return ue.Err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, ue.Err)
}

// encodeQuery is what S3 signs: spaces as %20, a flag as "versions=".
func encodeQuery(q url.Values) string {
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}
