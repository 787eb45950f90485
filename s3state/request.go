package s3state

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
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// place is where and how a bucket's requests are sent.
type place struct {
	url    url.URL // of the bucket, without query
	region string
}

// maxReply bounds the answers that are read wholly; listings are not.
const maxReply = 8 << 20

// locate asks the client for a bucket's URL and region, so that addressing
// style and region are the client's own. Presigning sends no request (unless
// the region has to be asked for, as for every other call of the client).
func (s *Store) locate(ctx context.Context, bucket string) (place, error) {
	s.mu.Lock()
	p, ok := s.base[bucket]
	s.mu.Unlock()
	if ok {
		return p, nil
	}
	if bucket == "" {
		p = place{url: *s.client.EndpointURL(), region: "us-east-1"}
		p.url.Path = "/"
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, known := range s.base { // the region the client is set to, if it has been seen
			p.region = known.region
		}
		return p, nil
	}
	u, err := s.client.Presign(ctx, http.MethodGet, bucket, "", time.Minute, nil)
	if err != nil {
		return place{}, wrap(err, "bucket %s", bucket)
	}
	p = place{url: url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, region: "us-east-1"}
	// AccessKey/date/region/s3/aws4_request; the access key may hold slashes.
	scope := strings.Split(u.Query().Get("X-Amz-Credential"), "/")
	if n := len(scope); n >= 5 {
		p.region = scope[n-3]
	}
	s.mu.Lock()
	s.base[bucket] = p
	s.mu.Unlock()
	return p, nil
}

// send signs and sends one request and returns the body of a 2xx answer; any
// other answer becomes an error. The caller closes the body.
func (s *Store) send(ctx context.Context, method, bucket string, query url.Values, body []byte) (io.ReadCloser, error) {
	resp, err := s.sendKey(ctx, method, bucket, "", query, nil, body)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// sendKey is send for an object, of any key: minio-go refuses some that S3
// takes, such as a space. It returns the whole answer.
func (s *Store) sendKey(ctx context.Context, method, bucket, key string, query url.Values, header http.Header, body []byte) (*http.Response, error) {
	p, err := s.locate(ctx, bucket)
	if err != nil {
		return nil, err
	}
	u := p.url
	if key != "" {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/" + key
		u.RawPath = strings.TrimSuffix(p.url.EscapedPath(), "/") + "/" + s3utils.EncodePath(key)
	}
	u.RawQuery = encodeQuery(query)
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	sum := sha256.Sum256(body)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if body != nil {
		m := md5.Sum(body)
		req.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(m[:]))
		req.Header.Set("Content-Type", "application/xml")
	}
	creds, err := s.client.GetCreds()
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	if creds.SignerType.IsV2() {
		return nil, fmt.Errorf("%w: the client signs with S3 signature version 2, version 4 is needed", ErrInvalid)
	}
	req = signer.SignV4(*req, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, p.region)

	resp, err := s.http.Do(req)
	if err != nil {
		return nil, bareURLError(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, errorReply(resp, bucket)
}

// errorReply reads an S3 error document; answers of proxies have none.
func errorReply(resp *http.Response, bucket string) error {
	r := minio.ErrorResponse{}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		// Which error it is was cut off: no policy, no bucket, …
		return fmt.Errorf("%w: %s: %v", errTruncatedReply, resp.Status, err)
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

// bareURLError drops the URL from a transport error: it says nothing the
// caller does not know, and may hold more than a log should.
func bareURLError(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// encodeQuery is what S3 signs: spaces as %20, a flag as "versions=".
func encodeQuery(q url.Values) string {
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}

// transient tells whether the same request may succeed a moment later.
func transient(err error) bool {
	if err == nil {
		return false
	}
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		switch r.Code {
		case "InternalError", "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "RequestTimeout", "Throttling",
			"ThrottlingException", "RequestLimitExceeded", "OperationAborted", "BadDigest", "IncompleteBody":
			return true
		}
		return r.StatusCode >= 500 && r.StatusCode != http.StatusNotImplemented || r.StatusCode == http.StatusTooManyRequests ||
			r.StatusCode == http.StatusRequestTimeout
	}
	for _, final := range []error{ErrInvalid, ErrBadListing, ErrBadState, errNeedsEncoding, context.Canceled} {
		if errors.Is(err, final) {
			return false
		}
	}
	return !permanentNet(err)
}

// retry runs fn until it succeeds, fails for good, or the attempts are used up.
// Each attempt gets its own time limit.
func (s *Store) retry(ctx context.Context, bucket, what string, limit time.Duration, ev *reporter, fn func(ctx context.Context) error) error {
	pause := s.backoff
	for attempt := 1; ; attempt++ {
		actx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
		err := fn(actx)
		if err != nil && actx.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrUnreachable, context.Cause(actx))
		}
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !transient(err) || attempt >= s.attempts {
			var r minio.ErrorResponse
			if attempt > 1 && !errors.As(err, &r) && !errors.Is(err, ErrUnreachable) {
				return fmt.Errorf("%w (tried %d times): %w", ErrUnreachable, attempt, err)
			}
			return err
		}
		s.log.Debug("request is sent again", "bucket", bucket, "what", what, "attempt", attempt, "error", err)
		ev.emit(Retry{Bucket: bucket, What: what, Attempt: attempt, Err: err})
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// call sends one small request with retries and returns the whole answer.
func (s *Store) call(ctx context.Context, method, bucket string, query url.Values, body []byte) ([]byte, error) {
	var reply []byte
	err := s.retry(ctx, bucket, method, s.timeout, nil, func(ctx context.Context) error {
		r, err := s.send(ctx, method, bucket, query, body)
		if err != nil {
			return err
		}
		defer r.Close()
		reply, err = io.ReadAll(io.LimitReader(r, maxReply))
		if err != nil {
			return err
		}
		return errorInside(reply)
	})
	return reply, err
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
		return fmt.Errorf("%w: %v", errTruncatedReply, err)
	}
	r.StatusCode = http.StatusOK
	return r
}
