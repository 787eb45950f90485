package s3dev_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

var lockStart = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// startAt is a server of a dialect whose clock stands still at lockStart.
func startAt(t testing.TB, d s3dev.Dialect) *world {
	e := start(t, func(c *s3dev.Config) { c.Dialect = d })
	e.Clock().Freeze(lockStart)
	return e
}

// lockedBucket makes a bucket with object lock and lets the host in as far as
// a policed bucket does, plus the actions given.
func (e *world) lockedBucket(name string, hostActions ...string) *minio.Core {
	e.t.Helper()
	c := e.client(adminUser)
	e.ok(c.MakeBucket(e.t.Context(), name, minio.MakeBucketOptions{ObjectLocking: true}))
	e.allow(name, hostActions...)
	return c
}

// allow polices a bucket with further actions for the host.
func (e *world) allow(name string, actions ...string) {
	e.t.Helper()
	text := policy(name)
	for _, a := range actions {
		text = strings.Replace(text, `"s3:ListBucket"`, `"s3:ListBucket","`+a+`"`, 1)
	}
	e.setPolicy(name, text)
}

func (e *world) setPolicy(name, text string) {
	e.t.Helper()
	e.ok(e.client(adminUser).SetBucketPolicy(e.t.Context(), name, text))
}

// status sends a request and returns the status and the error's code.
func (e *world) status(u s3dev.User, method, path, query, body string, header ...string) string {
	e.t.Helper()
	resp, data := e.raw(&u, method, path, query, []byte(body), header...)
	_, rest, _ := strings.Cut(string(data), "<Code>")
	code, _, ok := strings.Cut(rest, "</Code>")
	if !ok {
		return fmt.Sprint(resp.StatusCode)
	}
	return fmt.Sprint(resp.StatusCode, " ", code)
}

func retentionBody(mode string, until time.Time) string {
	return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until.Format(time.RFC3339) + "</RetainUntilDate></Retention>"
}

func lockBody(mode string, days int) string {
	return fmt.Sprintf("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"+
		"<Mode>%s</Mode><Days>%d</Days></DefaultRetention></Rule></ObjectLockConfiguration>", mode, days)
}

// putLock sets a bucket's object lock; the body needs its MD5.
func (e *world) putLock(name, body string) string {
	return e.status(adminUser, "PUT", "/"+name, "object-lock=", body, "Content-MD5", md5Base64([]byte(body)))
}

func (e *world) retain(u s3dev.User, path, version, mode string, until time.Time, header ...string) string {
	body := retentionBody(mode, until)
	if mode == "" {
		body = "<Retention/>"
	}
	return e.status(u, "PUT", path, "retention=&versionId="+version, body, append(header, "Content-MD5", md5Base64([]byte(body)))...)
}

const day = 24 * time.Hour

// TestRetentionRules goes through what each mode lets whom do.
func TestRetentionRules(t *testing.T) {
	t.Parallel()
	later, sooner := lockStart.Add(20*day), lockStart.Add(5*day)
	bypass := []string{"X-Amz-Bypass-Governance-Retention", "true"}
	for _, tt := range []struct {
		name, mode string
		do         func(e *world, path, v string) string
		want       string
	}{
		{"extend", "COMPLIANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "COMPLIANCE", later) }, "200"},
		{"same again", "COMPLIANCE", func(e *world, p, v string) string {
			return e.retain(adminUser, p, v, "COMPLIANCE", lockStart.Add(10*day))
		}, "200"},
		{"shorten", "COMPLIANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "COMPLIANCE", sooner, bypass...) }, "403 AccessDenied"},
		{"weaken the mode", "COMPLIANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "GOVERNANCE", later, bypass...) }, "403 AccessDenied"},
		{"take away", "COMPLIANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "", later, bypass...) }, "403 AccessDenied"},
		{"delete", "COMPLIANCE", func(e *world, p, v string) string {
			return e.status(adminUser, "DELETE", p, "versionId="+v, "", bypass...)
		}, "403 AccessDenied"},
		{"extend", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "GOVERNANCE", later) }, "200"},
		{"strengthen", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "COMPLIANCE", later) }, "403 AccessDenied"},
		{"strengthen with bypass", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "COMPLIANCE", later, bypass...) }, "200"},
		{"shorten", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "GOVERNANCE", sooner) }, "403 AccessDenied"},
		{"shorten with bypass", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "GOVERNANCE", sooner, bypass...) }, "200"},
		{"take away with bypass", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "", sooner, bypass...) }, "200"},
		{"host shortens with bypass", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(hostUser, p, v, "GOVERNANCE", sooner, bypass...) }, "403 AccessDenied"},
		{"host extends", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(hostUser, p, v, "GOVERNANCE", later) }, "200"},
		{"delete", "GOVERNANCE", func(e *world, p, v string) string { return e.status(adminUser, "DELETE", p, "versionId="+v, "") }, "403 AccessDenied"},
		{"delete with bypass", "GOVERNANCE", func(e *world, p, v string) string {
			return e.status(adminUser, "DELETE", p, "versionId="+v, "", bypass...)
		}, "204"},
		{"host deletes with bypass", "GOVERNANCE", func(e *world, p, v string) string {
			return e.status(hostUser, "DELETE", p, "versionId="+v, "", bypass...)
		}, "403 AccessDenied"},
		{"in the past", "GOVERNANCE", func(e *world, p, v string) string {
			return e.retain(adminUser, p, v, "GOVERNANCE", lockStart.Add(-day), bypass...)
		}, "400 InvalidArgument"},
		{"unknown mode", "GOVERNANCE", func(e *world, p, v string) string { return e.retain(adminUser, p, v, "FOREVER", later) }, "400 MalformedXML"},
	} {
		t.Run(tt.mode+" "+tt.name, func(t *testing.T) {
			e := startAt(t, s3dev.AWS)
			c := e.lockedBucket("locked", "s3:PutObjectRetention")
			v := e.put(c, "locked", "k", "x")
			if got := e.retain(adminUser, "/locked/k", v, tt.mode, lockStart.Add(10*day)); got != "200" {
				t.Fatalf("setting it: %s", got)
			}
			if got := tt.do(e, "/locked/k", v); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestLockEndsByTheClock: a retention ends, a legal hold does not.
func TestLockEndsByTheClock(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	c := e.lockedBucket("locked")
	v, w := e.put(c, "locked", "k", "x"), e.put(c, "locked", "held", "x")
	for path, version := range map[string]string{"/locked/k": v, "/locked/held": w} {
		if got := e.retain(adminUser, path, version, "COMPLIANCE", lockStart.Add(day)); got != "200" {
			t.Fatal(got)
		}
	}
	on := minio.LegalHoldEnabled
	e.ok(c.PutObjectLegalHold(t.Context(), "locked", "held", minio.PutObjectLegalHoldOptions{Status: &on}))
	e.Clock().Advance(day - time.Second)
	if got := e.status(adminUser, "DELETE", "/locked/k", "versionId="+v, ""); got != "403 AccessDenied" {
		t.Errorf("a second before its end: %s", got)
	}
	e.Clock().Advance(time.Second)
	if got := e.status(adminUser, "DELETE", "/locked/k", "versionId="+v, ""); got != "204" {
		t.Errorf("at its end: %s", got)
	}
	if got := e.status(adminUser, "DELETE", "/locked/held", "versionId="+w, "", "X-Amz-Bypass-Governance-Retention", "true"); got != "403 AccessDenied" {
		t.Errorf("held: %s", got)
	}
}

func TestDefaultRetention(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	ctx := t.Context()
	c := e.lockedBucket("locked")
	mode, days, unit := minio.Compliance, uint(40), minio.Days
	e.ok(c.SetObjectLockConfig(ctx, "locked", &mode, &days, &unit))
	lock, gotMode, gotDays, gotUnit, err := c.GetObjectLockConfig(ctx, "locked")
	if err != nil || lock != "Enabled" || *gotMode != mode || *gotDays != days || *gotUnit != unit {
		t.Errorf("read back: %v %v %v %v %v", lock, gotMode, gotDays, gotUnit, err)
	}
	until := lockStart.AddDate(0, 0, 40)
	host := e.client(hostUser)
	e.put(host, "locked", "put", "x")
	if _, err := host.Client.CopyObject(ctx, minio.CopyDestOptions{Bucket: "locked", Object: "copy"}, minio.CopySrcOptions{Bucket: "locked", Object: "put"}); err != nil {
		t.Fatal(err)
	}
	id, err := host.NewMultipartUpload(ctx, "locked", "parts", minio.PutObjectOptions{})
	e.ok(err)
	part, err := host.PutObjectPart(ctx, "locked", "parts", id, 1, strings.NewReader("x"), 1, minio.PutObjectPartOptions{})
	e.ok(err)
	_, err = host.CompleteMultipartUpload(ctx, "locked", "parts", id, []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, minio.PutObjectOptions{})
	e.ok(err)
	for _, key := range []string{"put", "copy", "parts"} {
		resp, _ := e.raw(&hostUser, "HEAD", "/locked/"+key, "", nil)
		if m := resp.Header.Get("X-Amz-Object-Lock-Mode"); m != "" {
			t.Errorf("%s: without the right to see it: %q", key, m)
		}
		resp, _ = e.raw(&adminUser, "HEAD", "/locked/"+key, "", nil)
		if m, u := resp.Header.Get("X-Amz-Object-Lock-Mode"), resp.Header.Get("X-Amz-Object-Lock-Retain-Until-Date"); m != "COMPLIANCE" || !sameTime(u, until) {
			t.Errorf("%s: %q until %q", key, m, u)
		}
	}
	// It is for new versions only.
	days = 1
	e.ok(c.SetObjectLockConfig(ctx, "locked", &mode, &days, &unit))
	if _, got, err := c.GetObjectRetention(ctx, "locked", "put", ""); err != nil || !got.Equal(until) {
		t.Errorf("%v %v", got, err)
	}
	for name, body := range map[string]string{
		"no days":  lockBody("COMPLIANCE", 0),
		"too long": lockBody("COMPLIANCE", 36501),
		"no mode":  lockBody("", 1),
	} {
		if got := e.putLock("locked", body); !strings.HasPrefix(got, "400") {
			t.Errorf("%s: %s", name, got)
		}
	}
	e.ok(c.SetObjectLockConfig(ctx, "locked", nil, nil, nil))
	if _, m, _, _, err := c.GetObjectLockConfig(ctx, "locked"); m != nil || err != nil {
		t.Errorf("the default is still %v, %v", m, err)
	}
}

func sameTime(text string, want time.Time) bool {
	got, err := time.Parse(time.RFC3339Nano, text)
	return err == nil && got.Equal(want)
}

// TestLockOnExistingBucket: which servers can lock an existing bucket.
func TestLockOnExistingBucket(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect]string{
		s3dev.AWS: "200", s3dev.RGW: "409 InvalidBucketState", s3dev.RGW18: "409 InvalidBucketState", s3dev.RGW20: "200",
		s3dev.SeaweedFS: "200", s3dev.VersityGW: "200",
	} {
		e := startAt(t, dialect)
		c := e.bucket("old", false)
		if got := e.putLock("old", lockBody("COMPLIANCE", 3)); got != "409 InvalidBucketState" {
			t.Errorf("%s: unversioned: %s", dialect, got)
		}
		e.ok(c.EnableVersioning(t.Context(), "old"))
		e.put(c, "old", "before", "x")
		if got := e.putLock("old", lockBody("COMPLIANCE", 3)); got != want {
			t.Errorf("%s: %s, want %s", dialect, got, want)
		}
		if want != "200" {
			continue
		}
		v := e.put(c, "old", "after", "x")
		wantDelete := "403 AccessDenied"
		if dialect == s3dev.VersityGW { // takes the default, but forgets it
			wantDelete = "204"
		}
		if got := e.status(adminUser, "DELETE", "/old/after", "versionId="+v, ""); got != wantDelete {
			t.Errorf("%s: deleting a new version: %s", dialect, got)
		}
		if got := e.status(adminUser, "GET", "/old/before", "retention=", ""); got != "404 NoSuchObjectLockConfiguration" {
			t.Errorf("%s: an old version: %s", dialect, got)
		}
	}
}

// TestLockHeaders: who may lock at upload, by PUT, copy and multipart upload.
func TestLockHeaders(t *testing.T) {
	t.Parallel()
	until := lockStart.Add(3000 * day)
	headers := []string{
		"X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", until.Format(time.RFC3339),
		"X-Amz-Object-Lock-Legal-Hold", "ON",
	}
	for dialect, want := range map[s3dev.Dialect]string{
		s3dev.AWS: "403 AccessDenied", s3dev.RGW: "200", s3dev.RGW18: "200", s3dev.RGW20: "200",
	} {
		e := startAt(t, dialect)
		c := e.lockedBucket("locked")
		e.setPolicy("locked", strings.Replace(policy("locked"), `"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":"*",
			"Action":["s3:PutObjectRetention","s3:PutObjectLegalHold"],"Resource":"arn:aws:s3:::locked/*"},`, 1))
		e.put(c, "locked", "source", "x")
		for name, got := range map[string]string{
			"put":    e.status(hostUser, "PUT", "/locked/put", "", "x", headers...),
			"copy":   e.status(hostUser, "PUT", "/locked/copy", "", "", append([]string{"X-Amz-Copy-Source", "locked/source"}, headers...)...),
			"upload": e.status(hostUser, "POST", "/locked/upload", "uploads=", "", headers...),
		} {
			if got != want {
				t.Errorf("%s %s: %s, want %s", dialect, name, got, want)
			}
		}
		if want != "200" {
			continue
		}
		for _, key := range []string{"put", "copy"} {
			resp, _ := e.raw(&hostUser, "HEAD", "/locked/"+key, "", nil)
			if resp.Header.Get("X-Amz-Object-Lock-Mode") != "COMPLIANCE" || resp.Header.Get("X-Amz-Object-Lock-Legal-Hold") != "ON" ||
				!sameTime(resp.Header.Get("X-Amz-Object-Lock-Retain-Until-Date"), until) {
				t.Errorf("%s %s: %v", dialect, key, resp.Header)
			}
			// By API the Deny does hold.
			if got := e.retain(hostUser, "/locked/"+key, "", "COMPLIANCE", until.Add(day)); got != "403 AccessDenied" {
				t.Errorf("%s: retention by API: %s", dialect, got)
			}
		}
	}
	e := startAt(t, s3dev.AWS)
	e.bucket("open", true)
	if got := e.status(adminUser, "PUT", "/open/k", "", "x", headers...); got != "400 InvalidRequest" {
		t.Errorf("without object lock: %s", got)
	}
	e.lockedBucket("locked")
	for name, h := range map[string][]string{
		"half":      headers[:2],
		"past":      {headers[0], headers[1], headers[2], lockStart.Add(-day).Format(time.RFC3339)},
		"mode":      {headers[0], "X", headers[2], headers[3]},
		"bad hold":  {headers[4], "MAYBE"},
		"date only": headers[2:4],
	} {
		if got := e.status(adminUser, "PUT", "/locked/k", "", "x", h...); got != "400 InvalidArgument" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestLockRights: each lock operation has an action of its own.
func TestLockRights(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	c := e.lockedBucket("locked")
	v := e.put(c, "locked", "k", "x")
	hold := "<LegalHold><Status>ON</Status></LegalHold>"
	for action, do := range map[string]func() string{
		"s3:PutObjectRetention": func() string { return e.retain(hostUser, "/locked/k", v, "GOVERNANCE", lockStart.Add(day)) },
		"s3:GetObjectRetention": func() string { return e.status(hostUser, "GET", "/locked/k", "retention=&versionId="+v, "") },
		"s3:PutObjectLegalHold": func() string {
			return e.status(hostUser, "PUT", "/locked/k", "legal-hold=", hold, "Content-MD5", md5Base64([]byte(hold)))
		},
		"s3:GetObjectLegalHold":               func() string { return e.status(hostUser, "GET", "/locked/k", "legal-hold=", "") },
		"s3:GetBucketObjectLockConfiguration": func() string { return e.status(hostUser, "GET", "/locked", "object-lock=", "") },
		"s3:PutBucketObjectLockConfiguration": func() string {
			body := lockBody("GOVERNANCE", 1)
			return e.status(hostUser, "PUT", "/locked", "object-lock=", body, "Content-MD5", md5Base64([]byte(body)))
		},
	} {
		e.allow("locked")
		if got := do(); got != "403 AccessDenied" {
			t.Errorf("without %s: %s", action, got)
		}
		e.allow("locked", action)
		if got := do(); strings.HasPrefix(got, fmt.Sprint(http.StatusForbidden)) {
			t.Errorf("with %s: %s", action, got)
		}
	}
}

// TestLockUntil2106: on Ceph 16 a lock that is extended beyond 32 bits of seconds has
// ended, and what it protected can be removed, also by default and in COMPLIANCE.
func TestLockUntil2106(t *testing.T) {
	t.Parallel()
	for dialect, lost := range map[s3dev.Dialect]bool{s3dev.AWS: false, s3dev.RGW: true, s3dev.RGW18: false, s3dev.RGW20: false} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			e := startAt(t, dialect)
			ctx := t.Context()
			c := e.lockedBucket("locked")
			removed := func(version string) bool {
				return c.RemoveObject(ctx, "locked", "k", minio.RemoveObjectOptions{VersionID: version}) == nil
			}
			for year, ends := range map[int]bool{2105: false, 2107: lost} {
				v := e.put(c, "locked", "k", "x")
				e.ok2xx(e.retain(adminUser, "/locked/k", v, "COMPLIANCE", lockStart.Add(day)))
				if removed(v) {
					t.Fatal("a locked version was removed")
				}
				e.ok2xx(e.retain(adminUser, "/locked/k", v, "COMPLIANCE", time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)))
				if removed(v) != ends {
					t.Errorf("extended to %d it can be removed: %v", year, !ends)
				}
			}
			e.ok2xx(e.putLock("locked", lockBody("COMPLIANCE", 30000)))
			if v := e.put(c, "locked", "k", "x"); removed(v) != lost {
				t.Errorf("locked for 30,000 days it can be removed: %v", !lost)
			}
		})
	}
}

func (e *world) ok2xx(status string) {
	e.t.Helper()
	if !strings.HasPrefix(status, "2") {
		e.t.Fatal(status)
	}
}
