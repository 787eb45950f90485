package s3versions

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// objectAnswers are answers to ListObjectsV2, by their continuation tokens, or to
// ListObjects by "v1 " and the marker.
type objectAnswers map[string]string

func (a objectAnswers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	which := query.Get("continuation-token")
	if query.Get("list-type") != "2" {
		which = "v1 " + query.Get("marker")
	}
	answer, known := a[which]
	if !known {
		w.WriteHeader(http.StatusNotImplemented)
		answer = "<Error><Code>NotImplemented</Code></Error>"
	}
	fmt.Fprint(w, answer)
}

// Objects gives keys as they are, however the server encodes them, and ends with an error
// where an answer of status 200 is none, or its list does not go on.
func TestObjects(t *testing.T) {
	const end = "</ListBucketResult>"
	page := func(rest string) string {
		if !strings.Contains(rest, "<IsTruncated>") {
			rest += "<IsTruncated>false</IsTruncated>"
		}
		return "<ListBucketResult><EncodingType>url</EncodingType>" + rest + end
	}
	const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>"
	for _, c := range []struct {
		name    string
		answers objectAnswers
		want    []string // with a | after a common prefix
		fails   bool
	}{
		{"a space as a plus", objectAnswers{"": page("<Contents><Key>a%2Bb+c</Key></Contents>")}, []string{"a+b c"}, false},
		{"a space in percent", objectAnswers{"": page("<Contents><Key>b%20c</Key></Contents><CommonPrefixes><Prefix>a+b/</Prefix></CommonPrefixes>")}, []string{"a+b/|", "b c"}, false},
		{"two pages", objectAnswers{
			"":  page("<Contents><Key>a</Key></Contents><IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>"),
			"2": page("<Contents><Key>b</Key></Contents>"),
		}, []string{"a", "b"}, false},
		{"no way on", objectAnswers{"": page("<Contents><Key>a</Key></Contents><IsTruncated>true</IsTruncated>")}, []string{"a"}, true},
		{"the same again", objectAnswers{
			"":  page("<IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>"),
			"2": page("<IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>"),
		}, nil, true},
		{"an error", objectAnswers{"": "<Error><Code>InternalError</Code></Error>"}, nil, true},
		{"a page of a proxy", objectAnswers{"": "<html></html>"}, nil, true},
		{"nothing", objectAnswers{"": ""}, nil, true},
		{"an older server", objectAnswers{
			"v1 ":    page("<Contents><Key>a</Key></Contents><Contents><Key>b+c</Key></Contents><IsTruncated>true</IsTruncated>"),
			"v1 b c": page("<Contents><Key>d</Key></Contents><IsTruncated>true</IsTruncated><NextMarker>e%2B/</NextMarker>"),
			"v1 e+/": page("<Contents><Key>f</Key></Contents>"),
		}, []string{"a", "b c", "d", "f"}, false},
		{"an older server that goes in circles", objectAnswers{
			"v1 ":  page("<Contents><Key>a</Key></Contents><IsTruncated>true</IsTruncated>"),
			"v1 a": page("<Contents><Key>a</Key></Contents><IsTruncated>true</IsTruncated>"),
		}, []string{"a"}, true},
		{"circles of two", objectAnswers{"": page(fmt.Sprintf(more, 1)), "1": page(fmt.Sprintf(more, 2)), "2": page(fmt.Sprintf(more, 1))}, nil, true},
		{"the same page for all", objectAnswers{
			"":  page("<Contents><Key>a</Key></Contents>" + fmt.Sprintf(more, 1)),
			"1": page("<Contents><Key>a</Key></Contents>" + fmt.Sprintf(more, 2)),
		}, []string{"a"}, true},
		{"an empty page between", objectAnswers{
			"":  page("<Contents><Key>a</Key></Contents>" + fmt.Sprintf(more, 1)),
			"1": page(fmt.Sprintf(more, 2)),
			"2": page("<Contents><Key>b</Key></Contents>"),
		}, []string{"a", "b"}, false},
		{"no word whether it is all", objectAnswers{"": "<ListBucketResult><Contents><Key>a</Key></Contents>" + end}, nil, true},
		{"cut off", objectAnswers{"": "<ListBucketResult><Contents><Key>a</Key></Contents>"}, nil, true},
		{"no encoding", objectAnswers{"": page("<Contents><Key>%zz</Key></Contents>")}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			var err error
			for o, e := range fakeClient(t, c.answers).Objects(t.Context(), "bucket", "", false) {
				if err = e; err != nil {
					break
				}
				if o.Prefix {
					o.Key += "|"
				}
				got = append(got, o.Key)
			}
			if !slices.Equal(got, c.want) || (err != nil) != c.fails {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// A cache that does not look at the query gives the list of one prefix for that of
// another.
func TestObjectsOfAnotherPrefix(t *testing.T) {
	for _, c := range []struct {
		answer string
		fails  bool
	}{
		{"<Prefix>snap+shots/</Prefix>", false},
		{"<Prefix>snap%20shots%2F</Prefix>", false},
		{"<Prefix>snap shots/</Prefix><Contents><Key>snap%20shots/1</Key></Contents>", false},
		{"<Prefix/>", false}, // one that repeats nothing of the request
		{"<Prefix>locks/</Prefix>", true},
		{"<Contents><Key>keys/1</Key></Contents>", true},
		{"<Contents><Key>snap%20shots/1</Key></Contents><Contents><Key>data/00/1</Key></Contents>", true},
		{"<CommonPrefixes><Prefix>data/</Prefix></CommonPrefixes>", true},
	} {
		answers := objectAnswers{"": "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>" + c.answer + "</ListBucketResult>"}
		var err error
		for _, e := range fakeClient(t, answers).Objects(t.Context(), "bucket", "snap shots/", false) {
			err = e
		}
		if errors.Is(err, ErrBadListing) != c.fails {
			t.Errorf("%s: %v", c.answer, err)
		}
	}
}
