package s3state

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3versions"
)

// putPack uploads file data as restic.Backup does on a sealed host.
func putPack(t *testing.T, w *world, key, grant string) {
	t.Helper()
	h := http.Header{}
	if grant != "" {
		h.Set("X-Amz-Grant-Full-Control", `id="`+grant+`"`)
	}
	if _, err := w.host.s3.Call(w.ctx, s3versions.Request{Method: http.MethodPut, Bucket: w.bucket, Key: key, Header: h, Body: []byte("sealed content")}); err != nil {
		t.Fatal(err)
	}
}

func fileDataRows(rep *AccessReport) (all, open []string) {
	for _, r := range rep.Results {
		if strings.HasPrefix(r.Action, "file data: ") || strings.HasSuffix(r.Action, "file data in parts") {
			all = append(all, r.Action)
			if r.Outcome != Refused {
				open = append(open, r.Action+" "+string(r.Outcome)+" "+r.Detail)
			}
		}
	}
	return all, open
}

// No way of reading file data is open to a sealed host, of more than twenty; and an
// open one is found.
func TestAccessOfASealedHost(t *testing.T) {
	t.Parallel()
	for _, dialect := range sealDialects {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newSealed(t, s3test.Dialect(dialect))
			rep, err := w.host.Access(w.ctx, w.bucket, AccessOptions{})
			if err != nil || !rep.OK {
				t.Fatalf("without data: %v %+v", err, rep)
			}
			grant := ""
			if strings.HasPrefix(dialect, "rgw") {
				grant = w.srv.Admin.OwnerID()
			}
			putPack(t, w, "data/00/one", grant)
			putPack(t, w, "data/ff/two", grant)
			rep, err = w.host.Access(w.ctx, w.bucket, AccessOptions{})
			if err != nil {
				t.Fatal(err)
			}
			all, open := fileDataRows(rep)
			if len(all) < 20 || len(open) > 0 || !rep.OK {
				t.Errorf("%d ways, open %q, OK %v", len(all), open, rep.OK)
			}
			if left := contents(t, w.admin, w.bucket); len(left) != 2 {
				t.Errorf("left behind: %v", left)
			}

			// Each way is one that is open to a host that may read.
			if _, err := w.admin.Unseal(w.ctx, w.bucket, UnsealOptions{For: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if rep, err = w.host.Access(w.ctx, w.bucket, AccessOptions{}); err != nil || !rep.OK {
				t.Errorf("unsealed: %v %+v", err, rep)
			}
			if all, _ := fileDataRows(rep); len(all) > 0 {
				t.Errorf("unsealed: tried %q", all)
			}
			if dialect == "rgw" {
				if _, err := w.admin.Seal(w.ctx, w.bucket, SealOptions{}); err != nil {
					t.Fatal(err)
				}
				putPack(t, w, "data/7f/three", "") // as another restic would
				rep, err = w.host.Access(w.ctx, w.bucket, AccessOptions{})
				if err != nil || rep.OK {
					t.Errorf("parts: %v, OK %v", err, rep.OK)
				}
				if _, open := fileDataRows(rep); len(open) == 0 {
					t.Error("copying in parts was not found")
				}
			}
		})
	}
}

// The attempts succeed where nothing is denied: they prove something.
func TestWaysToReadAreOpenWithoutASeal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	putPack(t, w, "data/00/one", "")
	config, err := w.host.bucketConfig(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	a := &accessor{s: w.host, bucket: w.bucket, config: config, report: &AccessReport{Check: &PolicyCheck{Sealed: true}}}
	a.sealed(w.ctx, canaryKey(""))
	got := map[string]Outcome{}
	for _, r := range a.report.Results {
		got[strings.TrimPrefix(r.Action, "file data: ")] = r.Outcome
	}
	for _, way := range []string{
		"GET", "GET of a range", "GET of a range from the end", "GET with a condition", "GET with a condition on time",
		"GET with headers for the answer", "GET by a presigned URL", "HEAD", "copy", "copy in parts",
		"copy to another bucket", "copy in parts to another bucket",
	} {
		if w.srv.Dialect() == "seaweedfs" && strings.HasSuffix(way, "another bucket") {
			// A host cannot make one there; that is said.
			if outcome := got["copy to another bucket"]; outcome != Unknown {
				t.Errorf("%s: %q", way, outcome)
			}
			continue
		}
		if got[way] != Allowed {
			t.Errorf("%s: %q", way, got[way])
		}
	}
}
