package restic

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// prunable makes a repository in a bucket, of which a forget and prune will remove
// most.
func prunable(t testing.TB, srv *s3test.Server) (*Session, Location) {
	t.Helper()
	loc := newBucket(t, srv)
	s, err := Init(t.Context(), loc, testPassword, WithCacheDir(t.TempDir()), WithRetryFor(3*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	history(t, s, 8)
	return s, loc
}

// keys lists the objects of a kind in the bucket.
func keys(t testing.TB, s *Session, kind ObjectKind) (ids []ID) {
	t.Helper()
	if err := s.ListObjects(t.Context(), kind, func(o Object) error { ids = append(ids, o.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestForgetAndPruneUnderFaults lets requests of removals fail for a while: everything
// is removed nevertheless.
func TestForgetAndPruneUnderFaults(t *testing.T) {
	srv := s3test.Start(t)
	for name, fault := range map[string]s3test.Fault{
		"batch refused":        {Method: "POST", Path: `\?delete`, Kind: s3test.Status, Status: 503, Code: "SlowDown", Times: 3},
		"batch cut off":        {Method: "POST", Path: `\?delete`, Kind: s3test.Reset, Times: 2},
		"batch done, cut off":  {Method: "POST", Path: `\?delete`, Kind: s3test.ResetAfter, Times: 1},
		"some keys of a batch": {Method: "POST", Path: `\?delete`, Kind: s3test.ErrorIn200, Code: "InternalError", Keys: `/[0-7][^/]*$`, Times: 2},
		"listing":              {Method: "GET", Path: `prefix=data`, Kind: s3test.Status, Status: 500, Code: "InternalError", Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := prunable(t, srv)
			srv.Inject(t, fault)
			defer srv.ClearFaults(t)
			res, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, Prune: &PruneOptions{MaxUnused: UnusedPercent(0)}})
			if err != nil || len(res.Removed) != 7 || len(res.Prune.Failed) != 0 {
				t.Fatalf("%+v, %v", res, err)
			}
			srv.ClearFaults(t)
			again, err := s.Prune(t.Context(), PruneOptions{MaxUnused: UnusedPercent(0), DryRun: true})
			if err != nil || again.FreedBytes() != 0 {
				t.Errorf("left over: %+v, %v", again, err)
			}
			if r, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil || len(r.Findings) != 0 {
				t.Errorf("%v, %v", r.Findings, err)
			}
		})
	}
}

// TestPruneKeepsPacksThatAnIndexKnows denies the removal of old index files, then of
// packs.
func TestPruneKeepsPacksThatAnIndexKnows(t *testing.T) {
	srv := s3test.Start(t)
	s, _ := prunable(t, srv)
	if _, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}}); err != nil {
		t.Fatal(err)
	}
	packs := keys(t, s, ObjectPack)
	deny := func(what string) {
		srv.Inject(t, s3test.Fault{Method: "POST", Path: `\?delete`, Kind: s3test.ErrorIn200, Code: "AccessDenied", Keys: `^` + what + `/`})
		srv.Inject(t, s3test.Fault{Method: "DELETE", Path: "/" + what + "/", Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	}
	deny("index")
	_, err := s.Prune(t.Context(), PruneOptions{MaxUnused: UnusedUnlimited()})
	if !errors.Is(err, ErrAccessDenied) || !strings.Contains(err.Error(), "index/") {
		t.Errorf("error %v", err)
	}
	srv.ClearFaults(t)
	left := keys(t, s, ObjectPack)
	for _, id := range packs {
		if !slices.Contains(left, id) {
			t.Errorf("pack %v is gone", id)
		}
	}
	if r, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Errorf("%v, %v", r.Findings, err)
	}
	deny("data")
	warned := 0
	res, err := s.Prune(t.Context(), PruneOptions{MaxUnused: UnusedUnlimited(), OnEvent: func(ev Event) {
		if _, ok := ev.(Warning); ok {
			warned++
		}
	}})
	if err != nil || len(res.Failed) == 0 || warned != len(res.Failed) {
		t.Errorf("%d packs could not be removed, %d warnings, %v", len(res.Failed), warned, err)
	}
	srv.ClearFaults(t)
	r, err := s.Check(t.Context(), CheckOptions{ReadData: true})
	if err != nil || !r.SuggestPrune {
		t.Errorf("%v, %v", r.Findings, err)
	}
	if res, err = s.Prune(t.Context(), PruneOptions{}); err != nil || res.Packs.Unref == 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if r, err = s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil || len(r.Findings) != 0 {
		t.Errorf("%v, %v", r.Findings, err)
	}
}

// TestForgetListsWhatTheServerRefuses denies the removal of some snapshots.
func TestForgetListsWhatTheServerRefuses(t *testing.T) {
	srv := s3test.Start(t)
	s, _ := prunable(t, srv)
	stuck := keys(t, s, ObjectSnapshot)[3]
	latest, _, err := s.FindSnapshot(t.Context(), "latest", SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if stuck == latest.ID {
		stuck = keys(t, s, ObjectSnapshot)[4]
	}
	srv.Inject(t, s3test.Fault{Method: "POST", Path: `\?delete`, Kind: s3test.ErrorIn200, Code: "AccessDenied", Keys: stuck.String()})
	srv.Inject(t, s3test.Fault{Method: "DELETE", Path: stuck.String(), Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	res, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, Prune: &PruneOptions{}})
	var failed *RemoveError
	if !errors.As(err, &failed) || !errors.Is(err, ErrAccessDenied) || ExitCode(err) != 3 {
		t.Fatalf("%v", err)
	}
	if len(res.Failed) != 1 || res.Failed[0].Item != stuck.String() || len(res.Removed) != 6 || res.Prune != nil {
		t.Errorf("%+v", res)
	}
	srv.ClearFaults(t)
	if left := keys(t, s, ObjectSnapshot); len(left) != 2 {
		t.Errorf("%d snapshots left", len(left))
	}
}

// TestPruneBelievesNoListThatIsAnError answers the listing of snapshots with an error in
// an answer of status 200. Taken for an empty list, it has a prune remove everything.
func TestPruneBelievesNoListThatIsAnError(t *testing.T) {
	srv := s3test.Start(t)
	for name, c := range map[string]struct {
		fault s3test.Fault
		want  error
	}{
		"for a moment": {fault: s3test.Fault{Times: 2}},
		"refused":      {fault: s3test.Fault{Code: "AccessDenied"}, want: ErrAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := newBucket(t, srv).(*s3Location)
			transport := &s3test.Faults{}
			loc := S3(srv.ClientVia(t, srv.Admin, transport), plain.bucket, "")
			s, err := Init(t.Context(), loc, testPassword, WithoutCache(), WithRetryFor(3*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			history(t, s, 3)
			snapshots, packs := keys(t, s, ObjectSnapshot), keys(t, s, ObjectPack)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(t.Context(), loc, testPassword, WithoutCache(), WithRetryFor(3*time.Second)); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			c.fault.Method, c.fault.Path, c.fault.Kind = http.MethodGet, "prefix=snapshots", s3test.ErrorIn200
			transport.Inject(c.fault)
			if _, err = s.Prune(t.Context(), PruneOptions{}); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if !slices.ContainsFunc(transport.Requests(), func(r s3test.Request) bool { return r.Fault != "" }) {
				t.Error("nothing went wrong, so nothing was tested")
			}
			transport.Clear()
			if n, m := len(keys(t, s, ObjectSnapshot)), len(keys(t, s, ObjectPack)); n != len(snapshots) || m != len(packs) {
				t.Errorf("%d snapshots of %d, %d packs of %d are left", n, len(snapshots), m, len(packs))
			}
		})
	}
}

// cacheWithoutQuery answers lists of snapshots as the list of keys was, as a proxy's
// cache does that does not look at the query.
type cacheWithoutQuery struct {
	mu   sync.Mutex
	list []byte
	used bool
}

func (c *cacheWithoutQuery) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	prefix := req.URL.Query().Get("prefix")
	if err != nil || prefix != "keys/" && prefix != "snapshots/" {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if prefix == "keys/" {
		c.list = body
	} else if c.list != nil {
		body, c.used = c.list, true
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// TestPruneBelievesNoListOfOtherObjects: a list without snapshots, as it is one of other
// objects, has a prune remove everything.
func TestPruneBelievesNoListOfOtherObjects(t *testing.T) {
	srv := s3test.Start(t)
	loc := newBucket(t, srv).(*s3Location)
	s, err := Init(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	history(t, s, 3)
	packs := keys(t, s, ObjectPack)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	proxy := &cacheWithoutQuery{}
	s, err = Open(t.Context(), S3(srv.ClientVia(t, srv.Admin, proxy), loc.bucket, ""), testPassword, WithoutCache(), WithRetryFor(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Prune(t.Context(), PruneOptions{}); err == nil || !proxy.used {
		t.Errorf("error %v; the proxy has answered: %v", err, proxy.used)
	}
	proxy.list = nil
	if n := len(keys(t, s, ObjectPack)); n != len(packs) {
		t.Errorf("%d packs of %d are left", n, len(packs))
	}
}
