package s3versions

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// fakeListing serves ListObjectVersions from a sorted list, with the oddities
// of real servers to choose from.
type fakeListing struct {
	entries  []Version // by key, newest first
	latency  time.Duration
	requests atomic.Int64

	split     bool // versions and markers in two runs
	tenant    bool // RGW's additional element
	rawMarker bool // NextKeyMarker is not encoded with encoding-type=url (RGW)
	plusSpace bool // a space is encoded as + (AWS)
	inclusive bool // a key-marker without version-id-marker comes again (RGW)
	marker    func(key, version string) (string, string)
	mangle    func(page []byte, query url.Values) []byte
}

func (f *fakeListing) sort() {
	sort.SliceStable(f.entries, func(i, j int) bool { return f.entries[i].Key < f.entries[j].Key })
}

func (f *fakeListing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Has("versions"):
		f.requests.Add(1)
		time.Sleep(f.latency)
		page := f.page(q)
		if f.mangle != nil {
			page = f.mangle(page, q)
		}
		_, _ = w.Write(page)
	default:
		http.Error(w, "unexpected "+r.Method+" "+r.URL.String(), http.StatusNotImplemented)
	}
}

func (f *fakeListing) page(q url.Values) []byte {
	prefix, key, ver := q.Get("prefix"), q.Get("key-marker"), q.Get("version-id-marker")
	most, _ := strconv.Atoi(q.Get("max-keys"))
	start := sort.Search(len(f.entries), func(i int) bool { return f.entries[i].Key >= max(key, prefix) })
	if key != "" && key >= prefix && (ver != "" || !f.inclusive) {
		for start < len(f.entries) && f.entries[start].Key == key {
			start++
			if ver != "" && f.entries[start-1].VersionID == ver {
				break
			}
		}
	}
	end := start
	for end < len(f.entries) && end-start < most && strings.HasPrefix(f.entries[end].Key, prefix) {
		end++
	}
	truncated := end < len(f.entries) && strings.HasPrefix(f.entries[end].Key, prefix)
	return f.render(f.entries[start:end], truncated, q.Get("encoding-type") == "url")
}

func (f *fakeListing) render(entries []Version, truncated, encoded bool) []byte {
	var b bytes.Buffer
	enc := func(s string) string {
		if encoded {
			s = url.QueryEscape(s)
			if !f.plusSpace {
				s = strings.ReplaceAll(s, "+", "%20")
			}
		}
		return s
	}
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	if f.tenant {
		b.WriteString(`<Tenant>t</Tenant>`)
	}
	fmt.Fprintf(&b, "<Name>bucket</Name><IsTruncated>%v</IsTruncated>", truncated)
	if truncated {
		last := entries[len(entries)-1]
		key, ver := last.Key, last.VersionID
		if f.marker != nil {
			key, ver = f.marker(key, ver)
		}
		if !f.rawMarker {
			key = enc(key)
		}
		fmt.Fprintf(&b, "<NextKeyMarker>%s</NextKeyMarker><NextVersionIdMarker>%s</NextVersionIdMarker>", xmlText(key), ver)
	}
	write := func(v Version) {
		name := "Version"
		if v.DeleteMarker {
			name = "DeleteMarker"
		}
		fmt.Fprintf(&b, "<%s><Key>%s</Key><VersionId>%s</VersionId><IsLatest>%v</IsLatest><LastModified>%s</LastModified>",
			name, xmlText(enc(v.Key)), v.VersionID, v.IsLatest, v.LastModified.UTC().Format("2006-01-02T15:04:05.000Z"))
		if !v.DeleteMarker {
			fmt.Fprintf(&b, "<ETag>&quot;%s&quot;</ETag><Size>%d</Size><StorageClass>STANDARD</StorageClass>", strings.Trim(v.ETag, `"`), v.Size)
		}
		fmt.Fprintf(&b, "<Owner><ID>t$host</ID><DisplayName>host</DisplayName></Owner></%s>", name)
	}
	for _, pass := range []bool{false, true} {
		for _, v := range entries {
			if !f.split && !pass || f.split && v.DeleteMarker == pass {
				write(v)
			}
		}
	}
	b.WriteString("</ListVersionsResult>")
	return b.Bytes()
}

// xmlText escapes as RGW does: markup and control characters, the latter as
// references that XML 1.0 does not allow.
func xmlText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x20:
			fmt.Fprintf(&b, "&#x%02x;", r)
		case r == '<' || r == '>' || r == '&' || r == '"':
			_ = xml.EscapeText(&b, []byte(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fakeClient serves h as the S3 server of a Store.
func fakeClient(t testing.TB, h http.Handler, opts ...Option) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	client, err := minio.New(srv.Listener.Addr().String(), &minio.Options{
		Creds: credentials.NewStaticV4("AK", "SK", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	return New(client, append([]Option{WithTransport(tr), WithRetries(3, time.Millisecond)}, opts...)...)
}

// all lists everything, in parallel if the Store does.
func all(c *Client, t testing.TB) ([]Version, error) {
	var got []Version
	err := c.list(t.Context(), "bucket", "", func(entries []Version) error {
		got = append(got, entries...)
		return nil
	})
	return got, err
}

func fakeVersion(key string, n int) Version {
	return Version{
		Key: key, VersionID: fmt.Sprintf("v%d", n), IsLatest: n == 0, LastModified: time.Date(2026, 1, 1, 0, 0, 1000-n, 0, time.UTC),
		ETag: `"0123456789abcdef0123456789abcdef"`, Size: int64(n), StorageClass: "STANDARD", Owner: Owner{ID: "t$host", DisplayName: "host"},
	}
}
