package keeper_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3versions"
)

// What was acknowledged while the clocks were a year ahead covers nothing that happens
// once they are right again.
func TestAcknowledgedByAWrongClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
	right := w.clock()
	rule := func(days string) {
		t.Helper()
		_, err := s3versions.New(w.Client(t, w.Admin)).Call(t.Context(), s3versions.Request{
			Method: http.MethodPut, Bucket: w.cfg.Storages["web1"].ResticBucket, Query: url.Values{"lifecycle": {""}},
			Body: []byte(`<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>` +
				`<NoncurrentVersionExpiration><NoncurrentDays>` + days + `</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.set(right.Add(365 * day))
	rule("40")
	if got := codes(w.pass().Storages[0]); !slices.Contains(got, "settings") {
		t.Fatalf("red for %q", got)
	}
	if err := w.keeper().Acknowledge("web1", "settings", "ann", ""); err != nil {
		t.Fatal(err)
	}
	w.set(right.Add(time.Hour))
	w.pass()
	w.backup("web1")
	w.advance(day)
	rule("50")
	w.advance(time.Hour)
	if got := codes(w.pass().Storages[0]); !slices.Contains(got, "settings") {
		t.Errorf("red for %q", got)
	}
	if err := w.keeper().Acknowledge("web1", "settings", "ann", ""); err != nil {
		t.Error(err)
	}
	w.advance(time.Hour)
	green(t, w.pass())
}

// A mark that the server dates a year ahead is not acknowledged: that would cover
// everything until then. Those before it are.
func TestMarksOfAWrongClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
	client, bucket := w.Client(t, w.Host), w.cfg.Storages["web1"].ResticBucket
	overwrite := func() {
		t.Helper()
		for o := range client.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Prefix: "data/", Recursive: true, MaxKeys: 1}) {
			if _, err := client.PutObject(t.Context(), bucket, o.Key, strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	history := func() bool { return slices.Contains(codes(w.pass().Storages[0]), "history") }
	overwrite()
	w.advance(time.Hour)
	right := w.clock()
	w.set(right.Add(365 * day))
	overwrite()
	w.set(right.Add(time.Hour))
	if !history() {
		t.Fatal("nothing is marked")
	}
	k := w.keeper()
	if err := k.Acknowledge("web1", "history", "ann", ""); err != nil {
		t.Error(err)
	}
	if err := k.Acknowledge("web1", "history", "ann", ""); err == nil || !strings.Contains(err.Error(), "which clock is wrong") {
		t.Error(err)
	}
	w.advance(time.Hour)
	if st := w.pass().Storages[0]; !slices.Contains(codes(st), "history") || !slices.Contains(codes(st), "clock") {
		t.Errorf("red for %q", codes(st))
	}
}
