package s3state

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/cesnet/rwm/internal/buckets"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// fileData is one object below data/ that a sealed host must not read.
type fileData struct{ key, version string }

// sealed tries every way of reading file data that S3 has, on a real object: on one
// that a test wrote for itself, the ways around the policy might differ.
func (a *accessor) sealed(ctx context.Context, canary string) {
	if a.report.Check.SealState(a.now()) != Sealed {
		return
	}
	newest, oldest, err := a.fileData(ctx)
	switch {
	case err != nil:
		a.note("read file data", Refused, true, err)
		return
	case newest.key == "":
		a.report.Results = append(a.report.Results, AccessResult{
			Action: "read file data", Outcome: Unknown, Expected: Refused, Detail: "there is none yet: run this again after a backup",
		})
		return
	}
	for _, w := range a.waysToRead(newest) {
		a.reading(w.name, w.do(ctx))
	}
	a.copies(ctx, canary+"_copy", newest)
	if oldest != newest {
		a.reading("copy the oldest file data in parts", a.copyParts(ctx, a.bucket, canary+"_copy", oldest, true, ""))
	}
	_ = a.s.hide(ctx, a.bucket, canary+"_copy")
}

func (a *accessor) now() time.Time { return a.s.now() }

// reading notes an attempt to read file data. A server that does not know a way refuses
// it in its own manner; one that answers about the object's state has let the host in.
func (a *accessor) reading(action string, err error) {
	switch status := s3err.Status(err); {
	case status == http.StatusNotModified || status == http.StatusPreconditionFailed || status == http.StatusRequestedRangeNotSatisfiable:
		err = nil
	case refuses(err) || status == http.StatusNotImplemented:
		err = ErrAccessDenied
	}
	if a.note("file data: "+action, Refused, true, err) == Allowed {
		a.report.Results[len(a.report.Results)-1].Detail = "the host is not sealed: it reads file data this way"
	}
}

// refuses reports whether the server refused a request in one way or another. One that
// it was too busy for, or that came too slowly, it has not judged.
func refuses(err error) bool {
	switch status := s3err.Status(err); status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, 499: // nginx's, of a request given up
		return false
	default:
		return status/100 == 4
	}
}

// fileData finds the newest and the oldest pack of the first page of the listing.
func (a *accessor) fileData(ctx context.Context) (newest, oldest fileData, err error) {
	var last, first time.Time
	n := 0
	for v, err := range a.s.Versions(ctx, a.bucket, "data/") {
		if err != nil {
			return newest, oldest, s3err.Wrap(err, "list data/ of bucket %s", a.bucket)
		}
		if n++; n > 1000 {
			break
		}
		if v.DeleteMarker || !v.IsLatest {
			continue
		}
		if newest.key == "" || v.LastModified.After(last) {
			newest, last = fileData{v.Key, v.VersionID}, v.LastModified
		}
		if oldest.key == "" || v.LastModified.Before(first) {
			oldest, first = fileData{v.Key, v.VersionID}, v.LastModified
		}
	}
	return newest, oldest, nil
}

// wayToRead is an attempt that changes nothing.
type wayToRead struct {
	name string
	do   func(context.Context) error
}

func (a *accessor) waysToRead(f fileData) []wayToRead {
	send := func(method, key string, query url.Values, body string, header ...string) func(context.Context) error {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return func(ctx context.Context) error {
			r := s3versions.Request{Method: method, Bucket: a.bucket, Key: key, Query: query, Header: h}
			if body != "" {
				r.Body = []byte(body)
			}
			resp, err := a.s.s3.Send(ctx, r)
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}
	}
	get := func(query url.Values, header ...string) func(context.Context) error {
		return send(http.MethodGet, f.key, query, "", header...)
	}
	head := func(query url.Values) func(context.Context) error {
		return send(http.MethodHead, f.key, query, "")
	}
	version := url.Values{"versionId": {f.version}}
	attributes := []string{"X-Amz-Object-Attributes", "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"}
	const query = `<SelectObjectContentRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Expression>select * from S3Object</Expression>` +
		`<ExpressionType>SQL</ExpressionType><InputSerialization><CSV/></InputSerialization><OutputSerialization><CSV/></OutputSerialization></SelectObjectContentRequest>`
	return []wayToRead{
		{"GET", get(nil)},
		{"GET by version", get(version)},
		{"GET of version null", get(url.Values{"versionId": {"null"}})},
		{"GET of a range", get(nil, "Range", "bytes=0-0")},
		{"GET of a range from the end", get(nil, "Range", "bytes=-1")},
		{"GET of a range by version", get(version, "Range", "bytes=0-0")},
		{"GET of a part", get(url.Values{"partNumber": {"1"}})},
		{"GET with a condition", get(nil, "If-None-Match", `"0"`)},
		{"GET with a condition on time", get(nil, "If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT")},
		{"GET with headers for the answer", get(url.Values{"response-content-type": {"text/plain"}})},
		{"GET by a presigned URL", a.presigned(f, nil)},
		{"GET by a presigned URL, by version", a.presigned(f, version)},
		{"GET without credentials", func(ctx context.Context) error { return a.anonymous(ctx, a.bucket, f.key) }},
		{"HEAD", head(nil)},
		{"HEAD by version", head(version)},
		{"HEAD of a part", head(url.Values{"partNumber": {"1"}})},
		{"attributes", get(url.Values{"attributes": {""}}, attributes...)},
		{"attributes by version", get(url.Values{"attributes": {""}, "versionId": {f.version}}, attributes...)},
		{"torrent", get(url.Values{"torrent": {""}})},
		{"select", send(http.MethodPost, f.key, url.Values{"select": {""}, "select-type": {"2"}}, query)},
		{"GET by a path with dots", send(http.MethodGet, "rwm/../"+f.key, nil, "")},
		{"GET by a path with a double slash", send(http.MethodGet, strings.Replace(f.key, "data/", "data//", 1), nil, "")},
	}
}

func (a *accessor) presigned(f fileData, query url.Values) func(context.Context) error {
	return func(ctx context.Context) error {
		u, err := a.s.client.PresignedGetObject(ctx, a.bucket, f.key, time.Minute, query)
		if err != nil {
			return err
		}
		return a.open(ctx, u)
	}
}

// copies tries to have the server copy file data to where the host may read.
func (a *accessor) copies(ctx context.Context, key string, f fileData) {
	a.reading("copy", a.copyTo(ctx, a.bucket, key, f, false))
	a.reading("copy by version", a.copyTo(ctx, a.bucket, key, f, true))
	a.reading("copy in parts", a.copyParts(ctx, a.bucket, key, f, false, ""))
	a.reading("copy in parts by version", a.copyParts(ctx, a.bucket, key, f, true, ""))
	a.reading("copy a range in parts", a.copyParts(ctx, a.bucket, key, f, false, "bytes=0-0"))
	a.reading("rename", a.rename(ctx, key, f))
	other, remove, err := a.otherBucket(ctx)
	if err != nil {
		a.report.Results = append(a.report.Results, AccessResult{
			Action: "file data: copy to another bucket", Outcome: Unknown, Expected: Unknown,
			Detail: "not tried: these credentials cannot make a bucket: " + s3err.Clip(s3err.Describe(err).Error()),
		})
		return
	}
	defer remove()
	a.reading("copy to another bucket", a.copyTo(ctx, other, key, f, false))
	a.reading("copy to another bucket by version", a.copyTo(ctx, other, key, f, true))
	a.reading("copy in parts to another bucket", a.copyParts(ctx, other, key, f, false, ""))
	a.reading("copy in parts to another bucket by version", a.copyParts(ctx, other, key, f, true, ""))
	_ = a.s.hide(ctx, other, key)
}

func (a *accessor) source(f fileData, byVersion bool) string {
	source := s3utils.EncodePath(a.bucket + "/" + f.key)
	if byVersion {
		source += "?versionId=" + url.QueryEscape(f.version)
	}
	return source
}

func (a *accessor) copyTo(ctx context.Context, bucket, key string, f fileData, byVersion bool) error {
	_, err := a.s.s3.Call(ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: bucket, Key: key, Header: http.Header{"X-Amz-Copy-Source": {a.source(f, byVersion)}},
	})
	return err
}

func (a *accessor) copyParts(ctx context.Context, bucket, key string, f fileData, byVersion bool, rng string) error {
	header := map[string]string{"x-amz-copy-source": a.source(f, byVersion)}
	if rng != "" {
		header["x-amz-copy-source-range"] = rng
	}
	return a.s.copyPartFrom(ctx, bucket, key, fileSource{a.bucket, f.key}, header)
}

// rename is what AWS has for some kinds of buckets.
func (a *accessor) rename(ctx context.Context, key string, f fileData) error {
	_, err := a.s.s3.Call(ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: a.bucket, Key: key, Query: url.Values{"renameObject": {""}},
		Header: http.Header{"X-Amz-Rename-Source": {"/" + s3utils.EncodePath(a.bucket+"/"+f.key)}},
	})
	if err != nil {
		return err
	}
	// A server that does not know this takes it for the upload of an empty object.
	if info, err := a.s.client.StatObject(ctx, a.bucket, key, minio.StatObjectOptions{}); err == nil && info.Size == 0 {
		return fmt.Errorf("%w: renaming is not known here", ErrAccessDenied)
	}
	return nil
}

// otherBucket makes a bucket of the caller's own.
func (a *accessor) otherBucket(ctx context.Context) (name string, remove func(), err error) {
	name = "rwm-canary-" + strings.ToLower(rand.Text()[:12])
	if err := buckets.Make(ctx, a.s.client, name, minio.MakeBucketOptions{}); err != nil {
		return "", nil, err
	}
	return name, func() {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		_ = a.s.client.RemoveBucket(ctx, name)
	}, nil
}
