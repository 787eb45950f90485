package keeper_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/rwm"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Snapshots that the keeper has forgotten itself are no alarm, also if its prune failed
// or was killed.
func TestForgetWithoutPrune(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.set(time.Now().Add(-10 * time.Hour).Truncate(time.Second))
	s := w.cfg.Storages["web1"]
	for i := range 12 {
		w.write("web1", "changing.txt", fmt.Sprint(i, noise(2000)))
		w.backup("web1")
		w.advance(10 * time.Minute)
	}
	w.advance(time.Hour)
	green(t, w.pass())
	s.Retention, s.Forget = rwm.Retention{"keep-last": "2"}, keeper.Always()
	refused := 0
	st := w.pass(keeper.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && (strings.Contains(r.URL.Path, "/index/") || strings.Contains(r.URL.Path, "/data/")) {
			refused++
			answer := httptest.NewRecorder()
			answer.WriteHeader(http.StatusForbidden)
			return answer.Result(), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	}))).Storages[0]
	if got := task(t, st, keeper.TaskForget); got.Outcome != keeper.NotProved || refused == 0 {
		t.Fatalf("%+v; %d refused", got, refused)
	}
	s.Forget = keeper.Never()
	w.advance(time.Hour)
	green(t, w.pass())
}
