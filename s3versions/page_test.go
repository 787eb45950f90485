package s3versions

import (
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cesnet/rwm/internal/harness"
)

// rgwPage is an answer of Ceph RGW 16, which minio-go refuses for its Tenant.
const rgwPage = `<?xml version="1.0" encoding="UTF-8"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Tenant>t</Tenant>` +
	`<Name>b</Name><Prefix></Prefix><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker>` +
	`<NextKeyMarker>a+b &amp; c</NextKeyMarker><NextVersionIdMarker>null</NextVersionIdMarker>` +
	`<DeleteMarker><Key>a+b &amp; c</Key><VersionId>m1</VersionId><IsLatest>true</IsLatest><LastModified>2026-01-02T03:04:05.678Z</LastModified>` +
	`<Owner><ID>t$host</ID><DisplayName>host</DisplayName></Owner></DeleteMarker>` +
	`<Version><Key>a+b &amp; c</Key><VersionId>null</VersionId><IsLatest>false</IsLatest><LastModified>2026-01-01T00:00:00.000Z</LastModified>` +
	`<ETag>&quot;0cc175b9c0f1b6a831c399e269772661&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass>` +
	`<Owner><ID>t$host</ID><DisplayName>host</DisplayName></Owner><Type>Normal</Type><RgwxTag>x</RgwxTag></Version></ListVersionsResult>`

func TestParsePage(t *testing.T) {
	p, err := parsePage(strings.NewReader(rgwPage), false)
	if err != nil {
		t.Fatal(err)
	}
	want := []Version{
		{Key: "a+b & c", VersionID: "m1", IsLatest: true, DeleteMarker: true, LastModified: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Owner: Owner{"host", "t$host"}},
		{Key: "a+b & c", VersionID: "null", LastModified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ETag: `"0cc175b9c0f1b6a831c399e269772661"`, Size: 1,
			StorageClass: "STANDARD", Owner: Owner{"host", "t$host"}},
	}
	if !p.truncated || p.nextKey != "a+b & c" || p.nextVersion != "null" || len(p.entries) != 2 || p.entries[0] != want[0] || p.entries[1] != want[1] {
		t.Errorf("%+v", p)
	}
	if fast, ok := fastPage([]byte(rgwPage)); !ok || !reflect.DeepEqual(fast, p) {
		t.Errorf("the fast way: %v %+v", ok, fast)
	}
	for i := range rgwPage { // no beginning of a page passes for a page
		if _, err := parsePage(strings.NewReader(rgwPage[:i]), false); err == nil {
			t.Fatalf("accepted a page cut off after %d bytes", i)
		}
	}
	if _, err := parsePage(strings.NewReader(strings.Replace(rgwPage, "a+b", "a\rb", 1)), false); err != errNeedsEncoding {
		t.Errorf("a bare carriage return: %v", err)
	}
	if _, err := parsePage(strings.NewReader(strings.Replace(rgwPage, "a+b", "a&#x1;b", 1)), false); err != errNeedsEncoding {
		t.Errorf("an illegal character: %v", err)
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add([]byte(rgwPage), false)
	f.Add([]byte(strings.ReplaceAll(rgwPage, "a+b &amp; c", url.QueryEscape("a+b & c"))), true)
	f.Add([]byte(`<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>`), false)
	f.Add([]byte(`<Error><Code>SlowDown</Code></Error>`), false)
	f.Fuzz(func(t *testing.T, data []byte, encoded bool) {
		p, err := parseXML(data, encoded)
		if fast, ok := fastPage(data); ok && !encoded {
			if err != nil {
				t.Fatalf("only the fast way takes it: %v", err)
			}
			if !reflect.DeepEqual(fast, p) {
				t.Fatalf("fast: %+v\nslow: %+v", fast, p)
			}
		}
		if err != nil {
			return
		}
		for _, v := range p.entries {
			if v.Key == "" || v.VersionID == "" || v.LastModified.IsZero() || v.Size < 0 || !utf8.ValidString(v.Key) {
				t.Fatalf("%+v", v)
			}
		}
	})
}

// Pages changed at random are read alike by both ways, or left to the slow one.
func TestFastPageAgrees(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"<", ">", "&", "&amp;", "&#13;", "&#x1;", "&#10;", "]]>", "<!-- x -->", "<![CDATA[x]]>", " ", "\n", "\r", "\x01", "\xff", "\ufffe",
		"\ufffd", "\u00a0", "/", "</Key>", "<Key>", "<Key/>", "<x:Key>", `<Key a="b">`, "true", "<Owner>", "</Owner>", "<Version>", "</Version>", "-", "+", "0", "\"", "'", "<?x?>", "\t"}
	fast, pages := 0, harness.SizeRaced(20_000, 100_000, 100_000)
	for range pages {
		data := []byte(rgwPage)
		for range 1 + rnd.IntN(2) {
			i := rnd.IntN(len(data))
			j := min(len(data), i+rnd.IntN(3)*rnd.IntN(12))
			piece := ""
			if rnd.IntN(4) > 0 {
				piece = pieces[rnd.IntN(len(pieces))]
			}
			data = slices.Concat(data[:i], []byte(piece), data[j:])
		}
		p, ok := fastPage(data)
		if !ok {
			continue
		}
		fast++
		slow, err := parseXML(data, false)
		if err != nil || !reflect.DeepEqual(p, slow) {
			t.Fatalf("%v\nfast: %+v\nslow: %+v\n%s", err, p, slow, data)
		}
	}
	if fast < pages/100 {
		t.Errorf("only %d pages went the fast way", fast)
	}
}
