package s3state

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// The writer of an object can make the server refuse it, by encrypting it with a key of
// its own or by archiving it. That one is unread then; all else is judged as ever.
func TestObjectsTheServerRefuses(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	good := r.backup()
	first := r.snapshots[0]
	for name, refused := range map[string]string{"a snapshot": first, "a state": good.Key} {
		t.Run(name, func(t *testing.T) {
			for _, code := range []string{"InvalidObjectState", "InvalidRequest"} {
				status := map[string]int{"InvalidObjectState": 403, "InvalidRequest": 400}[code]
				path, _, _ := strings.Cut(refused, "+") // which is escaped in a URL
				r.srv.Inject(t, s3test.Fault{Method: http.MethodGet, Path: path, Kind: s3test.Status, Status: status, Code: code})
				h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{})
				if err != nil {
					t.Fatalf("%s: history: %v", code, err)
				}
				info, err := r.admin.Info(r.ctx, r.bucket, InfoOptions{VerifyStates: 10})
				if err != nil {
					t.Fatalf("%s: info: %v", code, err)
				}
				c, err := r.admin.CheckStorage(r.ctx, r.bucket, CheckStorageOptions{ReadPercent: 100})
				if err != nil && !errors.Is(err, ErrStorageIncomplete) || c.OK || slices.ContainsFunc(c.Problems, func(d Difference) bool { return d.Key != refused }) {
					t.Errorf("%s: check: %v %+v", code, err, c)
				}
				last := info.States[len(info.States)-1]
				if refused == first && (h.Total != 0 || h.Unread != 1 || last.Verification == nil) {
					t.Errorf("%s: %d unread, %+v, %+v", code, h.Unread, h.Suspicions, last)
				}
				if refused == good.Key && (h.Total != 1 || h.Suspicions[0].Key != good.Key || last.Unreadable == nil || h.LastGoodState == nil || h.LastGoodState.Key == good.Key) {
					t.Errorf("%s: %+v, good %+v, %+v", code, h.Suspicions, h.LastGoodState, last)
				}
				r.srv.ClearFaults(t)
			}
		})
	}
	// A lock that cannot be read explains nothing.
	r.forgetAndPrune()
	if h := r.history(); h.Total != 0 {
		t.Fatalf("%+v", h.Suspicions)
	}
	r.srv.Inject(t, s3test.Fault{Method: http.MethodGet, Path: r.lock, Kind: s3test.Status, Status: 400, Code: "InvalidRequest"})
	if h := r.history(); h.Total == 0 || h.Unread != 1 {
		t.Errorf("a lock: %d unread, %+v", h.Unread, h.Suspicions)
	}
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true}); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("a lock: %v", err)
	}
	r.srv.ClearFaults(t)
	r.srv.Inject(t, s3test.Fault{Method: http.MethodGet, Path: "/" + statePrefix, Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	defer r.srv.ClearFaults(t)
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{KeepStates: 1, DryRun: true}); !errors.Is(err, ErrAccessDenied) {
		t.Errorf("who may read no state cannot keep any: %v", err)
	}
	if info, err := r.admin.Info(r.ctx, r.bucket, InfoOptions{VerifyStates: 10}); err != nil || info.States[0].Verification != nil || info.States[0].Unreadable != nil {
		t.Errorf("who may read no state: %v %+v", err, info)
	}
}

// A lifecycle rule or an admin may remove a state between the listing of the states and
// the reading of one. It is then gone, as if it had been removed before the listing.
func TestStatesThatGoMeanwhile(t *testing.T) {
	for name, look := range map[string]func(s *Store, r *fakeRestic) error{
		"history": func(s *Store, r *fakeRestic) error {
			h, err := s.History(r.ctx, r.bucket, HistoryOptions{})
			if err == nil && h.Total != 0 {
				err = fmt.Errorf("%+v", h.Suspicions)
			}
			return err
		},
		"check": func(s *Store, r *fakeRestic) error {
			c, err := s.CheckStorage(r.ctx, r.bucket, CheckStorageOptions{})
			if err == nil && c.State == nil {
				err = fmt.Errorf("%+v", c)
			}
			return err
		},
		"drop": func(s *Store, r *fakeRestic) error {
			res, err := s.DropVersions(r.ctx, r.bucket, DropOptions{KeepStates: 1})
			if err == nil && len(res.Kept) == 0 {
				err = fmt.Errorf("%+v", res)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFakeRestic(t)
			r.backup()
			newest := r.backup()
			gone := false
			s := r.storeVia(r.srv.Admin, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, newest.Key) && !gone {
					gone = true
					if err := r.admin.client.RemoveObject(r.ctx, r.bucket, newest.Key, minio.RemoveObjectOptions{VersionID: newest.VersionID}); err != nil {
						t.Error(err)
					}
				}
				return http.DefaultTransport.RoundTrip(req)
			}))
			if err := look(s, r); err != nil || !gone {
				t.Errorf("%v, gone %t", err, gone)
			}
		})
	}
}
