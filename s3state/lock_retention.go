package s3state

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// retention is the lock of one version.
type retention struct {
	mode  LockMode
	until time.Time // zero if it has none
	hold  bool      // a legal hold besides
	// modified is the version's own time.
	modified time.Time
}

// whole drops what a server may drop: retention has whole seconds.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// putRetention locks a version until a time, or longer than it is. bypass asks to
// override GOVERNANCE.
func putRetention(ctx context.Context, c *s3versions.Client, bucket, key, version string, r retention, bypass bool) error {
	body, err := xml.Marshal(struct {
		XMLName         xml.Name `xml:"Retention"`
		Namespace       string   `xml:"xmlns,attr"`
		Mode            LockMode
		RetainUntilDate string
	}{Namespace: s3Namespace, Mode: r.mode, RetainUntilDate: whole(r.until).Format(time.RFC3339)})
	if err != nil {
		return err
	}
	req := s3versions.Request{
		Method: http.MethodPut, Bucket: bucket, Key: key, Body: body,
		Query: url.Values{"retention": {""}, "versionId": {version}},
	}
	if bypass {
		req.Header = http.Header{"X-Amz-Bypass-Governance-Retention": {"true"}}
	}
	_, err = c.Call(ctx, req)
	return err
}

// getRetention reads the lock of a version, by HEAD. A server that hides locks from
// those without the right to see them answers as if there were none.
func getRetention(ctx context.Context, c *s3versions.Client, bucket, key, version string) (retention, error) {
	var r retention
	err := c.Retry(ctx, bucket, "read the retention of "+key, 0, func(ctx context.Context) error {
		resp, err := c.Send(ctx, s3versions.Request{
			Method: http.MethodHead, Bucket: bucket, Key: key, Query: url.Values{"versionId": {version}},
		})
		if err != nil {
			return err
		}
		h := resp.Header
		r = retention{mode: LockMode(s3err.Clip(h.Get("X-Amz-Object-Lock-Mode"))), hold: h.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"}
		if text := h.Get("X-Amz-Object-Lock-Retain-Until-Date"); text != "" {
			// One that cannot be read counts as none.
			r.until, _ = time.Parse(time.RFC3339, text)
		}
		r.modified, _ = http.ParseTime(h.Get("Last-Modified"))
		return resp.Body.Close()
	})
	return r, err
}

// locked returns until when a version is locked so that nobody can remove it in mode:
// the zero time if it is not.
func (r retention) locked(mode LockMode) time.Time {
	if r.mode == Compliance || r.mode == mode {
		return r.until
	}
	return time.Time{}
}
