package s3versions

import (
	"fmt"
	"net/http"
	"slices"
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
		return "<ListBucketResult><EncodingType>url</EncodingType>" + rest + end
	}
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
		}, []string{"a", "a"}, true},
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
