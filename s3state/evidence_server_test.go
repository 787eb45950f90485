package s3state

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3versions"
)

// On a server that keeps whole seconds, a deletion later in the second of a moment is
// not taken for one before it.
func TestMomentInWholeSeconds(t *testing.T) {
	w := newWorld(t, s3test.Dialect("rgw20"))
	base := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	w.srv.FreezeClock(t, base)
	version := w.put("data/00/x", "x")
	w.srv.FreezeClock(t, base.Add(5*time.Second+10*time.Millisecond))
	w.put("snapshots/s", "s")
	w.srv.FreezeClock(t, base.Add(5*time.Second+500*time.Millisecond))
	w.del("data/00/x")
	w.put("snapshots/s", "overwritten")
	for offset, want := range map[time.Duration]bool{5029 * time.Millisecond: true, 6100 * time.Millisecond: false} {
		v, err := w.admin.View(w.ctx, w.bucket, Moment{At: base.Add(offset)}, ViewOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := v.Get("data/00/x"); ok != want || ok && o.VersionID != version {
			t.Errorf("%s after: %v %+v", offset, ok, o)
		}
		if o, ok := v.Get("snapshots/s"); !ok || (o.Size == 1) != want {
			t.Errorf("%s after: %v %+v", offset, ok, o)
		}
	}
}

// An object rewritten with the same bytes under a key of the host's own has the same
// size and ETag, but cannot be read: it is asked for, not taken for good.
func TestRewrittenUnderACustomerKey(t *testing.T) {
	w := newWorld(t, s3test.RGW())
	body := []byte("a pack")
	sum := sha256.Sum256(body)
	id := hex.EncodeToString(sum[:])
	key := "data/" + id[:2] + "/" + id
	w.put(key, string(body))
	secret := bytes.Repeat([]byte{7}, 32)
	check := md5.Sum(secret)
	resp, err := w.host.s3.Send(w.ctx, s3versions.Request{Method: http.MethodPut, Bucket: w.bucket, Key: key, Body: body, Header: http.Header{
		"X-Amz-Server-Side-Encryption-Customer-Algorithm": {"AES256"},
		"X-Amz-Server-Side-Encryption-Customer-Key":       {base64.StdEncoding.EncodeToString(secret)},
		"X-Amz-Server-Side-Encryption-Customer-Key-Md5":   {base64.StdEncoding.EncodeToString(check[:])},
	}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var versions []Version
	for v, err := range w.admin.Versions(w.ctx, w.bucket, key) {
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, v)
	}
	if len(versions) != 2 || !sameBytes(&versions[0], &versions[1]) {
		t.Fatalf("%+v", versions)
	}
	if _, err := w.admin.fetchChecked(w.ctx, w.bucket, entryFrom(&versions[0]), io.Discard); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("the rewritten version: %v", err)
	}
	if hashed, err := w.admin.fetchChecked(w.ctx, w.bucket, entryFrom(&versions[1]), io.Discard); err != nil || !hashed {
		t.Errorf("the first version: %v %v", hashed, err)
	}
}
