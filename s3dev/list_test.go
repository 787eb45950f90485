package s3dev_test

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

// row is one entry of a listing; of a common prefix only the key is set.
type row struct {
	Key, VersionID   string
	IsLatest, Marker bool
	Prefix           bool
}

// listing reads a page, keeping the order in which entries come in the XML.
type listing struct {
	rows                                        []row
	truncated                                   bool
	nextKey, nextVersion, nextToken, nextMarker string
}

func parseListing(t testing.TB, body []byte) listing {
	t.Helper()
	var out listing
	var doc struct {
		Nodes []struct {
			XMLName                                       xml.Name
			Text                                          string `xml:",chardata"`
			Key, VersionId, IsLatest, Prefix, ETag, Owner string
		} `xml:",any"`
	}
	if err := xml.Unmarshal(body, &doc); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	plain := func(s string) string {
		p, err := url.QueryUnescape(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, n := range doc.Nodes {
		switch n.XMLName.Local {
		case "Version", "DeleteMarker":
			out.rows = append(out.rows, row{plain(n.Key), n.VersionId, n.IsLatest == "true", n.XMLName.Local == "DeleteMarker", false})
		case "Contents":
			out.rows = append(out.rows, row{Key: plain(n.Key)})
		case "CommonPrefixes":
			out.rows = append(out.rows, row{Key: plain(n.Prefix), Prefix: true})
		case "IsTruncated":
			out.truncated = n.Text == "true"
		case "NextKeyMarker":
			out.nextKey = plain(n.Text)
		case "NextVersionIdMarker":
			out.nextVersion = n.Text
		case "NextContinuationToken":
			out.nextToken = n.Text
		case "NextMarker":
			out.nextMarker = plain(n.Text)
		}
	}
	return out
}

// randomBucket fills a bucket with keys that share prefixes and have several
// versions, and returns what the listing must show, newest first.
func randomBucket(e *world, rng *rand.Rand, name string) (versions []row) {
	e.t.Helper()
	e.bucket(name, true)
	history := map[string][]row{}
	for range 150 {
		var key strings.Builder
		for range 1 + rng.IntN(4) {
			key.WriteString([]string{"a", "b", "/", "//", "a/", "+", " ", "é", "\n", "\x01", "%"}[rng.IntN(11)])
		}
		k := key.String()
		switch n := rng.IntN(10); {
		case n < 6:
			resp, body := e.raw(&adminUser, "PUT", "/"+name+"/"+url.PathEscape(k), "", []byte("x"))
			if resp.StatusCode != 200 {
				e.t.Fatalf("%q: %d %s", k, resp.StatusCode, body)
			}
			history[k] = append(history[k], row{Key: k, VersionID: resp.Header.Get("X-Amz-Version-Id")})
		case n < 8:
			resp, body := e.raw(&adminUser, "DELETE", "/"+name+"/"+url.PathEscape(k), "", nil)
			if resp.StatusCode != 204 {
				e.t.Fatalf("%q: %d %s", k, resp.StatusCode, body)
			}
			history[k] = append(history[k], row{Key: k, VersionID: resp.Header.Get("X-Amz-Version-Id"), Marker: true})
		default:
			if h := history[k]; len(h) > 1 {
				i := rng.IntN(len(h))
				e.raw(&adminUser, "DELETE", "/"+name+"/"+url.PathEscape(k), "versionId="+h[i].VersionID, nil)
				history[k] = slices.Delete(h, i, i+1)
			}
		}
	}
	for _, h := range history {
		h = slices.Clone(h)
		slices.Reverse(h)
		h[0].IsLatest = true
		versions = append(versions, h...)
	}
	slices.SortStableFunc(versions, func(a, b row) int { return strings.Compare(a.Key, b.Key) })
	return versions
}

// rollUp is the naive model of prefix and delimiter.
func rollUp(rows []row, prefix, delimiter string) []row {
	var out []row
	for _, r := range rows {
		if !strings.HasPrefix(r.Key, prefix) {
			continue
		}
		if delimiter != "" {
			if i := strings.Index(r.Key[len(prefix):], delimiter); i >= 0 {
				r = row{Key: r.Key[:len(prefix)+i+len(delimiter)], Prefix: true}
			}
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	// Each page tells entries first and common prefixes behind them.
	slices.SortStableFunc(out, func(a, b row) int {
		if a.Prefix == b.Prefix {
			return 0
		} else if a.Prefix {
			return 1
		}
		return -1
	})
	return out
}

func TestListingPages(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			e := start(t)
			versions := randomBucket(e, rng, "random")
			var objects []row
			for _, r := range versions {
				if r.IsLatest && !r.Marker {
					objects = append(objects, row{Key: r.Key})
				}
			}
			for _, delimiter := range []string{"", "/", "a"} {
				for _, prefix := range []string{"", "a", "a/", "/", "zz"} {
					args := url.Values{"encoding-type": {"url"}}
					if delimiter != "" {
						args.Set("delimiter", delimiter)
					}
					if prefix != "" {
						args.Set("prefix", prefix)
					}
					what := fmt.Sprintf("prefix %q delimiter %q", prefix, delimiter)
					compare(t, "versions "+what, e.pages(rng, args, "versions"), rollUp(versions, prefix, delimiter))
					compare(t, "v2 "+what, e.pages(rng, args, "v2"), rollUp(objects, prefix, delimiter))
					compare(t, "v1 "+what, e.pages(rng, args, "v1"), rollUp(objects, prefix, delimiter))
				}
			}
		})
	}
}

func compare(t *testing.T, what string, got, want []row) {
	t.Helper()
	got = rollUp(got, "", "") // across pages, too: entries before prefixes
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// pages lists everything in pages of random sizes.
func (e *world) pages(rng *rand.Rand, args url.Values, kind string) (rows []row) {
	e.t.Helper()
	q := url.Values{}
	for k, v := range args {
		q[k] = v
	}
	switch kind {
	case "versions":
		q.Set("versions", "")
	case "v2":
		q.Set("list-type", "2")
	}
	for {
		size := 1 + rng.IntN(9)
		q.Set("max-keys", fmt.Sprint(size))
		resp, body := e.raw(&adminUser, "GET", "/random", strings.ReplaceAll(q.Encode(), "+", "%20"), nil)
		if resp.StatusCode != 200 {
			e.t.Fatalf("%d %s", resp.StatusCode, body)
		}
		p := parseListing(e.t, body)
		if len(p.rows) > size || p.truncated && len(p.rows) != size {
			e.t.Fatalf("a page of %d has %d entries: %s", size, len(p.rows), body)
		}
		for _, r := range p.rows {
			if r.Prefix && slices.Contains(rows, r) {
				e.t.Fatalf("%s: the prefix %q came twice", kind, r.Key)
			}
		}
		rows = append(rows, p.rows...)
		if !p.truncated {
			return rows
		}
		switch kind {
		case "versions":
			q.Set("key-marker", p.nextKey)
			q.Del("version-id-marker")
			if p.nextVersion != "" {
				q.Set("version-id-marker", p.nextVersion)
			}
		case "v2":
			q.Set("continuation-token", p.nextToken)
		case "v1":
			q.Set("marker", p.nextMarker)
		}
	}
}

// TestListingWhileDeleting deletes each page before the next is asked for.
func TestListingWhileDeleting(t *testing.T) {
	e := start(t)
	c := e.bucket("random", false)
	e.put(c, "random", "k", "null version")
	e.ok(c.EnableVersioning(t.Context(), "random"))
	for i := range 30 {
		e.put(c, "random", "k", fmt.Sprint(i))
	}
	e.put(c, "random", "l", "x")
	q, seen := "max-keys=4&versions=", 0
	for range 20 {
		_, body := e.raw(&adminUser, "GET", "/random", q, nil)
		p := parseListing(t, body)
		for _, r := range p.rows {
			seen++
			e.ok(c.RemoveObject(t.Context(), "random", r.Key, minio.RemoveObjectOptions{VersionID: r.VersionID}))
		}
		if !p.truncated {
			break
		}
		q = "key-marker=" + p.nextKey + "&max-keys=4&version-id-marker=" + p.nextVersion + "&versions="
	}
	if seen != 32 || e.history(c, "random") != "" {
		t.Errorf("saw %d of 32 versions, left are %q", seen, e.history(c, "random"))
	}
}

func TestListingLimits(t *testing.T) {
	e := start(t, func(c *s3dev.Config) {
		c.Synthetic = []s3dev.Synthetic{{Bucket: "big", Versions: 2500, PerKey: 2, MarkerEvery: 10}}
	})
	c := e.client(adminUser)
	for query, want := range map[string]int{
		"versions=": 1000, "max-keys=5000&versions=": 1000, "list-type=2&max-keys=3000": 1000, "max-keys=0&versions=": 0, "max-keys=7&versions=": 7,
	} {
		_, body := e.raw(&adminUser, "GET", "/big", query, nil)
		if p := parseListing(t, body); len(p.rows) != want {
			t.Errorf("%s: %d entries, want %d", query, len(p.rows), want)
		}
	}
	for query := range map[string]int{"max-keys=-1&versions=": 0, "max-keys=x&versions=": 0, "version-id-marker=x&versions=": 0, "key-marker=k&version-id-marker=zz&versions=": 0} {
		if resp, body := e.raw(&adminUser, "GET", "/big", query, nil); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", query, resp.StatusCode, body)
		}
	}
	e.put(c, "big", "data/zz", "real")
	var total, markers int
	last := ""
	for o := range c.Client.ListObjects(t.Context(), "big", minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		e.ok(o.Err)
		if o.Key < last {
			t.Fatalf("%q after %q", o.Key, last)
		}
		last = o.Key
		total++
		if o.IsDeleteMarker {
			markers++
		}
	}
	if total != 2501 || markers != 125 || last != "data/zz" {
		t.Errorf("%d entries, %d markers, the last is %q", total, markers, last)
	}
	if text, err := e.get(c, "big", "data/zz", ""); text != "real" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
