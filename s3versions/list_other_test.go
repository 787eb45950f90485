package s3versions

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// inTurn are answers of status 200, one after the other; the last one stays.
type inTurn []string

func (a *inTurn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, (*a)[0])
	if len(*a) > 1 {
		*a = (*a)[1:]
	}
}

// notALists are answers of status 200 that are no listing.
var notALists = map[string]string{
	"an error":          "<Error><Code>InternalError</Code></Error>",
	"a page of a proxy": "<html></html>",
	"nothing":           "",
	"cut off":           "<ListMultipartUploadsResult><Upload><Key>a</Key></Upload>",
}

// Uploads gives keys as they are and goes on from page to page. An answer of status 200
// that is no listing is asked for again, and then an error.
func TestUploads(t *testing.T) {
	page := func(rest string) string {
		return "<ListMultipartUploadsResult>" + rest + "</ListMultipartUploadsResult>"
	}
	upload := func(key string) string {
		return "<Upload><Key>" + key + "</Key><UploadId>u</UploadId><Initiated>2026-01-02T03:04:05.678Z</Initiated></Upload>"
	}
	const more = "<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>"
	type upl struct {
		answers inTurn
		want    []string
		fails   bool
	}
	other := strings.ReplaceAll(more, ">a<", ">b<")
	cases := map[string]upl{
		"none":        {inTurn{page("")}, nil, false},
		"encoded":     {inTurn{page("<EncodingType>url</EncodingType>" + upload("a%2Bb+c"))}, []string{"a+b c"}, false},
		"not encoded": {inTurn{page(upload("a%2Bb+c"))}, []string{"a%2Bb+c"}, false},
		"two pages":   {inTurn{page(upload("a") + more), page(upload("b"))}, []string{"a", "b"}, false},
		"in circles":  {inTurn{page(upload("a") + more), page(upload("b") + more)}, []string{"a", "b"}, true},
		"in larger circles": {inTurn{page(upload("a") + more), page(upload("b") + other), page(upload("a") + more)},
			[]string{"a", "b", "a"}, true},
		"once wrong":  {inTurn{"<Error><Code>InternalError</Code></Error>", page(upload("a"))}, []string{"a"}, false},
		"second page": {inTurn{page(upload("a") + more), "<Error><Code>InternalError</Code></Error>"}, []string{"a"}, true},
	}
	for name, answer := range notALists {
		cases[name] = upl{inTurn{answer}, nil, true}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			var err error
			for u, e := range fakeClient(t, &c.answers).Uploads(t.Context(), "bucket", "") {
				if err = e; err != nil {
					break
				}
				if u.UploadID != "u" || u.Initiated.Year() != 2026 {
					t.Errorf("%+v", u)
				}
				got = append(got, u.Key)
			}
			if !slices.Equal(got, c.want) || (err != nil) != c.fails {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestBuckets(t *testing.T) {
	page := func(rest string) string {
		return "<ListAllMyBucketsResult><Owner><ID>me</ID></Owner>" + rest + "</ListAllMyBucketsResult>"
	}
	answers := inTurn{
		page("<Buckets><Bucket><Name>a</Name><CreationDate>2026-01-02T03:04:05.678Z</CreationDate></Bucket></Buckets><ContinuationToken>t</ContinuationToken>"),
		page("<Buckets><Bucket><Name>b</Name></Bucket></Buckets>"),
	}
	me, got, err := fakeClient(t, &answers).Buckets(t.Context())
	if err != nil || me.ID != "me" || len(got) != 2 || got[0].Name != "a" || got[0].Created.Year() != 2026 || got[1].Name != "b" {
		t.Errorf("%+v, %+v, %v", me, got, err)
	}
	circle := inTurn{page("<ContinuationToken>t</ContinuationToken>"), page("<ContinuationToken>u</ContinuationToken>"), page("<ContinuationToken>t</ContinuationToken>")}
	if _, got, err := fakeClient(t, &circle).Buckets(t.Context()); err == nil {
		t.Errorf("in circles: %+v", got)
	}
	for name, answer := range notALists {
		if _, got, err := fakeClient(t, &inTurn{strings.ReplaceAll(answer, "ListMultipartUploads", "ListAllMyBuckets")}).Buckets(t.Context()); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
