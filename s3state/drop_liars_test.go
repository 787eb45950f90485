package s3state

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// rewriting changes bodies of answers with status 200.
type rewriting func(req *http.Request, body []byte) []byte

func (rw rewriting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	body = rw(req, body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// A proxy answers with a page of its own where a saved state was asked for. That is no
// reason to drop what the state names.
func TestDropBelievesNoPageOfAProxy(t *testing.T) {
	base := newWorld(t)
	for page, times := range map[string]int32{"<html>Maintenance</html>": 1, "": 1, "cut": 1, "<html>For ever</html>": 1000} {
		w := base.another(t)
		w.put("file", "old")
		kept := w.save()
		w.del("file")
		w.put("other", "1")
		before := dump(t, w.admin, w.bucket)
		var told atomic.Int32
		admin := w.storeVia(w.srv.Admin, rewriting(func(req *http.Request, body []byte) []byte {
			if req.Method != http.MethodGet || !strings.HasSuffix(req.URL.Path, kept.Key) || told.Add(1) > times {
				return body
			}
			if page == "cut" {
				return body[:len(body)/2]
			}
			return []byte(page)
		}))
		res, err := admin.DropVersions(w.ctx, w.bucket, DropOptions{KeepStates: 1})
		if told.Load() == 0 {
			t.Fatal("the state was not read, so nothing was tested")
		}
		if times == 1 && (err != nil || len(res.Kept) != 1) || times > 1 && !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("%q: %v, %+v", page, err, res)
		}
		// A state that was saved at the beginning is there besides.
		after := dump(t, w.admin, w.bucket)
		if lost := slices.DeleteFunc(slices.Clone(before), func(e string) bool { return slices.Contains(after, e) }); len(lost) > 0 {
			t.Errorf("%q: lost %q", page, lost)
		}
	}
}

// A state that is damaged in the bucket itself is none to keep, and stops no drop.
func TestDropPassesDamagedStates(t *testing.T) {
	w := newWorld(t)
	w.put("file", "1")
	w.save()
	w.put(statePrefix+"2026-01-01T00:00:00.000000+00:00"+stateSuffix, "no state")
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{KeepStates: 1})
	if err != nil || len(res.Kept) != 1 {
		t.Errorf("%v, %+v", err, res)
	}
}

// A server loses track of which version of a key is the latest one, as gateways have
// after a crash. What stands first is not removed.
func TestDropKeepsTheFirstOfEachKey(t *testing.T) {
	w := newWorld(t)
	w.put("odd", "old")
	w.put("odd", "only")
	w.put("even", "1")
	entry := regexp.MustCompile(`<Version>.*?</Version>`)
	admin := w.storeVia(w.srv.Admin, rewriting(func(req *http.Request, body []byte) []byte {
		if !req.URL.Query().Has("versions") {
			return body
		}
		return entry.ReplaceAllFunc(body, func(v []byte) []byte {
			if !bytes.Contains(v, []byte("<Key>odd</Key>")) {
				return v
			}
			return bytes.ReplaceAll(v, []byte("<IsLatest>true"), []byte("<IsLatest>false"))
		})
	}))
	if _, err := admin.DropVersions(w.ctx, w.bucket, DropOptions{}); err != nil {
		t.Fatal(err)
	}
	got := contents(t, w.admin, w.bucket)
	if got["odd"] != "only" || got["even"] != "1" {
		t.Errorf("%q", got)
	}
}
