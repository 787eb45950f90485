package notify_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper/notify"
)

// A message that is redirected to another page is lost, not told, whatever client a
// service sends with; and the connections of such a client end with the message.
func TestRedirectsThatLoseTheMessage(t *testing.T) {
	http.DefaultClient.CheckRedirect = notify.CheckRedirect // not parallel
	defer func() { http.DefaultClient.CheckRedirect = nil }()
	var moved, login, open atomic.Int64
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			login.Add(1)
			_, _ = w.Write([]byte("{}"))
			return
		}
		moved.Add(1)
		http.Redirect(w, r, "/login", http.StatusFound)
	}))
	web.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	web.Start()
	defer web.Close()
	host := strings.TrimPrefix(web.URL, "http://")
	for _, u := range []string{
		"generic+" + web.URL + "/x", "mattermost://" + host + "/token?disabletls=yes", "ntfy://" + host + "/topic?scheme=http",
		"gotify://" + host + "/Aaa.bbb.ccc.ddd?disabletls=yes",
	} {
		s, err := notify.New([]string{u}, "")
		if err != nil {
			t.Fatal(err)
		}
		before := moved.Load()
		if err := s.Tell(t.Context(), change); err == nil || !strings.Contains(err.Error(), "redirects to another page") || moved.Load() != before+1 {
			t.Errorf("%s: %v", u, err)
		}
	}
	if n := login.Load(); n > 0 {
		t.Errorf("the other page was asked for %d times", n)
	}
	http.DefaultClient.CloseIdleConnections()
	for start := time.Now(); open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("%d connections stay open", open.Load())
		}
	}
}

// A redirect that takes the message along is followed, as one from http to https.
func TestRedirectsThatKeepTheMessage(t *testing.T) {
	http.DefaultClient.CheckRedirect = notify.CheckRedirect // not parallel
	defer func() { http.DefaultClient.CheckRedirect = nil }()
	web := startWeb(t)
	from := httptest.NewServer(http.RedirectHandler(web.URL+"/there", http.StatusPermanentRedirect))
	defer from.Close()
	host := strings.TrimPrefix(from.URL, "http://")
	for _, u := range []string{"generic+" + from.URL + "/x", "mattermost://" + host + "/token?disabletls=yes"} {
		s, err := notify.New([]string{u}, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Tell(t.Context(), change); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	if len(web.bodies) != 2 || !strings.Contains(web.bodies[1], "400 files") {
		t.Errorf("got %q", web.bodies)
	}
}
