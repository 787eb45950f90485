package s3dev_test

import (
	"encoding/xml"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

const promiseRules = `<LifecycleConfiguration><Rule><ID>promise</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>
<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration>
<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>
<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`

func (e *world) rules(bucket, text string) {
	e.t.Helper()
	if got := e.status(adminUser, "PUT", "/"+bucket, "lifecycle=", text, "Content-MD5", md5Base64([]byte(text))); got != "200" {
		e.t.Fatalf("lifecycle: %s", got)
	}
}

func rulesOf(inner string) string {
	return `<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status>` + inner + `</Rule></LifecycleConfiguration>`
}

// versions lists "key id|marker" in the listing's order, ids by name.
func (e *world) versions(bucket string, names map[string]string) string {
	e.t.Helper()
	resp, body := e.raw(&adminUser, "GET", "/"+bucket, "versions=", nil)
	if resp.StatusCode != 200 {
		e.t.Fatalf("listing: %d %s", resp.StatusCode, body)
	}
	var list struct {
		Entries []struct {
			XMLName        xml.Name
			Key, VersionId string
		} `xml:",any"`
	}
	e.ok(xml.Unmarshal(body, &list))
	var out []string
	for _, o := range list.Entries {
		switch o.XMLName.Local {
		case "Version":
			out = append(out, o.Key+" "+names[o.VersionId])
		case "DeleteMarker":
			out = append(out, o.Key+" marker")
		}
	}
	return strings.Join(out, ", ")
}

// TestPromisedLifecycle follows one bucket day by day: versions go when both
// N days noncurrent and their lock are over, then their marker, and nothing
// that is current ever goes.
func TestPromisedLifecycle(t *testing.T) {
	t.Parallel()
	for _, dialect := range []s3dev.Dialect{s3dev.AWS, s3dev.RGW, s3dev.RGW20, s3dev.SeaweedFS} {
		t.Run(string(dialect), func(t *testing.T) {
			e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
			e.Clock().Freeze(lockStart)
			ctx := t.Context()
			c := e.client(adminUser)
			e.ok(c.MakeBucket(ctx, "bkt", minio.MakeBucketOptions{ObjectLocking: true}))
			e.rules("bkt", promiseRules)
			names := map[string]string{}
			put := func(key, name string) string {
				v := e.put(c, "bkt", key, "x")
				names[v] = name
				return v
			}
			put("gone", "v1")
			put("kept", "v1")
			locked, held := put("locked", "v1"), put("held", "v1")
			put("renewed", "v1")
			e.retain(adminUser, "/bkt/locked", locked, "COMPLIANCE", lockStart.Add(40*day))
			on := minio.LegalHoldEnabled
			e.ok(c.PutObjectLegalHold(ctx, "bkt", "held", minio.PutObjectLegalHoldOptions{Status: &on, VersionID: held}))
			_, err := c.NewMultipartUpload(ctx, "bkt", "upload", minio.PutObjectOptions{})
			e.ok(err)
			for _, key := range []string{"gone", "locked", "held"} {
				e.ok(c.RemoveObject(ctx, "bkt", key, minio.RemoveObjectOptions{}))
			}
			put("renewed", "v2")

			uploads := func() int {
				r, err := c.ListMultipartUploads(ctx, "bkt", "", "", "", "", 10)
				e.ok(err)
				return len(r.Uploads)
			}
			at := func(days int, wantUploads int, want string) {
				t.Helper()
				e.Clock().Freeze(lockStart.Add(time.Duration(days) * day))
				if got := e.versions("bkt", names); got != want {
					t.Errorf("day %d:\n got %s\nwant %s", days, got, want)
				}
				if got := uploads(); got != wantUploads {
					t.Errorf("day %d: %d uploads", days, got)
				}
			}
			all := "gone marker, gone v1, held marker, held v1, kept v1, locked marker, locked v1, renewed v2, renewed v1"
			at(7, 1, all) // the midnight after the seventh day is still to come
			at(8, 0, all)
			at(30, 0, all)
			at(31, 0, "held marker, held v1, kept v1, locked marker, locked v1, renewed v2")
			at(40, 0, "held marker, held v1, kept v1, locked marker, locked v1, renewed v2")
			at(41, 0, "held marker, held v1, kept v1, renewed v2")
			off := minio.LegalHoldDisabled
			e.ok(c.PutObjectLegalHold(ctx, "bkt", "held", minio.PutObjectLegalHoldOptions{Status: &off, VersionID: held}))
			at(400, 0, "kept v1, renewed v2")
			events := e.LifecycleEvents()
			if len(events) != 8 || events[0].What != "upload" || !events[0].Time.Equal(time.Date(2030, 1, 9, 0, 0, 0, 0, time.UTC)) {
				t.Errorf("events: %+v", events)
			}
		})
	}
}

// TestLifecycleInOneJump ends where going day by day does.
func TestLifecycleInOneJump(t *testing.T) {
	t.Parallel()
	history := func(step time.Duration) (string, []s3dev.LifecycleEvent) {
		e := startAt(t, s3dev.AWS)
		c := e.client(adminUser)
		e.ok(c.MakeBucket(t.Context(), "bkt", minio.MakeBucketOptions{ObjectLocking: true}))
		e.rules("bkt", promiseRules)
		for i := range 30 {
			key := fmt.Sprint("k", i)
			v := e.put(c, "bkt", key, "x")
			if i%3 == 0 {
				e.retain(adminUser, "/bkt/"+key, v, "GOVERNANCE", lockStart.Add(time.Duration(20+i)*day))
			}
			if i%2 == 0 {
				e.ok(c.RemoveObject(t.Context(), "bkt", key, minio.RemoveObjectOptions{}))
			}
		}
		for now := lockStart; now.Before(lockStart.Add(60 * day)); {
			now = now.Add(step)
			e.Clock().Freeze(now)
		}
		return e.versions("bkt", nil), e.LifecycleEvents()
	}
	daily, events := history(day)
	once, onceEvents := history(60 * day)
	if daily != once || !reflect.DeepEqual(events, onceEvents) || len(events) == 0 {
		t.Errorf("day by day\n%s\n%v\nin one jump\n%s\n%v", daily, events, once, onceEvents)
	}
}

func TestLifecycleRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, rule string
		days       int
		want       string
	}{
		{"newer versions are kept", `<Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>`,
			3, "a v4, a v3, a v2, deleted marker, deleted v1, other/b v1, tagged v2, tagged v1"},
		{"prefix", `<Filter><Prefix>other/</Prefix></Filter><Expiration><Days>2</Days></Expiration>`,
			3, "a v4, a v3, a v2, a v1, deleted marker, deleted v1, other/b marker, other/b v1, tagged v2, tagged v1"},
		{"old prefix", `<Prefix>other/</Prefix><Expiration><Days>2</Days></Expiration>`,
			3, "a v4, a v3, a v2, a v1, deleted marker, deleted v1, other/b marker, other/b v1, tagged v2, tagged v1"},
		{"tag", `<Filter><Tag><Key>doomed</Key><Value>yes</Value></Tag></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`,
			3, "a v4, a v3, a v2, a v1, deleted marker, deleted v1, other/b v1, tagged v2"},
		{"and", `<Filter><And><Prefix>a</Prefix><Tag><Key>doomed</Key><Value>yes</Value></Tag></And></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`,
			3, "a v4, a v3, a v2, a v1, deleted marker, deleted v1, other/b v1, tagged v2, tagged v1"},
		{"date", `<Filter><Prefix>other/</Prefix></Filter><Expiration><Date>2030-01-05T00:00:00Z</Date></Expiration>`,
			3, "a v4, a v3, a v2, a v1, deleted marker, deleted v1, other/b v1, tagged v2, tagged v1"},
		{"date passed", `<Filter><Prefix>other/</Prefix></Filter><Expiration><Date>2030-01-05T00:00:00Z</Date></Expiration>`,
			5, "a v4, a v3, a v2, a v1, deleted marker, deleted v1, other/b marker, other/b v1, tagged v2, tagged v1"},
		{"disabled", `<Status>Disabled</Status><Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`,
			9, "a v4, a v3, a v2, a v1, deleted marker, deleted v1, other/b v1, tagged v2, tagged v1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := startAt(t, s3dev.AWS)
			c := e.bucket("bkt", true)
			names := map[string]string{}
			for _, key := range []string{"a", "a", "a", "a", "other/b", "deleted", "tagged", "tagged"} {
				v := e.put(c, "bkt", key, "x")
				names[v] = fmt.Sprint("v", 1+strings.Count(e.versions("bkt", names), key+" v"))
				if key == "tagged" && names[v] == "v1" {
					body := "<Tagging><TagSet><Tag><Key>doomed</Key><Value>yes</Value></Tag></TagSet></Tagging>"
					if got := e.status(adminUser, "PUT", "/bkt/tagged", "tagging=", body, "Content-MD5", md5Base64([]byte(body))); got != "200" {
						t.Fatal(got)
					}
				}
			}
			e.ok(c.RemoveObject(t.Context(), "bkt", "deleted", minio.RemoveObjectOptions{}))
			text := rulesOf(tt.rule)
			if strings.HasPrefix(tt.rule, "<Status>") {
				text = strings.Replace(text, "<Status>Enabled</Status>", "", 1)
			}
			e.rules("bkt", text)
			e.Clock().Freeze(lockStart.Add(time.Duration(tt.days) * day))
			if got := e.versions("bkt", names); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestRunLifecycle runs it between midnights, and by the ticking clock.
func TestRunLifecycle(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	c := e.bucket("bkt", true)
	e.put(c, "bkt", "k", "x")
	e.ok(c.RemoveObject(t.Context(), "bkt", "k", minio.RemoveObjectOptions{}))
	e.rules("bkt", rulesOf(`<Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`))
	if got := e.RunLifecycle(); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	e.Clock().Advance(day)
	if got := e.RunLifecycle(); len(got) != 1 || got[0].What != "version" || got[0].Rule != "r" {
		t.Errorf("a day later: %v", got)
	}
	e.put(c, "bkt", "k", "x")
	e.ok(c.RemoveObject(t.Context(), "bkt", "k", minio.RemoveObjectOptions{}))
	e.Clock().Set(time.Date(2030, 1, 9, 23, 59, 59, 950_000_000, time.UTC))
	time.Sleep(100 * time.Millisecond)
	if got := e.history(c, "bkt"); strings.Count(got, "k") != 2 {
		t.Errorf("after the midnight: %s", got)
	}
}

func TestUnversionedExpiry(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	c := e.bucket("bkt", false)
	e.put(c, "bkt", "k", "x")
	e.rules("bkt", rulesOf(`<Filter/><Expiration><Days>1</Days></Expiration>`))
	e.Clock().Advance(3 * day)
	if got := e.versions("bkt", nil); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestNoLifecycle(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.VersityGW)
	e.bucket("bkt", true)
	if got := e.status(adminUser, "GET", "/bkt", "lifecycle=", ""); got != "501 NotImplemented" {
		t.Errorf("got %s", got)
	}
}
