package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/notify"
)

// mailServer speaks SMTP and keeps the messages.
type mailServer struct {
	net.Listener
	mu    sync.Mutex
	mails []string
}

func startMail(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *mailServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 mail.test ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "EHLO", "HELO":
			say("250 mail.test")
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(line)
			}
			s.mu.Lock()
			s.mails = append(s.mails, mail.String())
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// webServer keeps what is posted to it.
type webServer struct {
	*httptest.Server
	mu     sync.Mutex
	paths  []string
	bodies []string
	status int
}

func startWeb(t *testing.T) *webServer {
	t.Helper()
	s := &webServer{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.paths, s.bodies = append(s.paths, r.URL.Path), append(s.bodies, string(body))
		w.WriteHeader(s.status)
	}))
	t.Cleanup(s.Close)
	return s
}

var change = keeper.Message{Title: "RWM: web1 is RED", Text: "Storage web1 is red:\n\n- ALARM: 400 files.\n  To do: rwm keep ack\n"}

// A mail server and a webhook get the message, title and all.
func TestMailAndWebhook(t *testing.T) {
	t.Parallel()
	mail, web := startMail(t), startWeb(t)
	s, err := notify.New([]string{
		"smtp://" + mail.Addr().String() + "/?from=keeper@example.org&to=admin@example.org&auth=None&encryption=None&usestarttls=no",
		"generic+" + web.URL + "/hook?template=json",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tell(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if len(mail.mails) != 1 || !strings.Contains(mail.mails[0], "Subject: "+change.Title) || !strings.Contains(mail.mails[0], "400 files") {
		t.Errorf("mails %q", mail.mails)
	}
	var got struct{ Title, Message string }
	if len(web.bodies) != 1 || json.Unmarshal([]byte(web.bodies[0]), &got) != nil || got.Title != change.Title || got.Message != change.Text {
		t.Errorf("webhook got %q", web.bodies)
	}
}

// What a service refuses is an error without the URL; the other services are told.
func TestOneServiceDown(t *testing.T) {
	t.Parallel()
	good, bad := startWeb(t), startWeb(t)
	bad.status = http.StatusInternalServerError
	s, err := notify.New([]string{
		"generic+" + strings.Replace(bad.URL, "http://", "http://user:pass-marker@", 1) + "/secret-marker", "generic+" + good.URL + "/x",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	err = s.Tell(t.Context(), change)
	if err == nil || strings.Contains(err.Error(), "marker") || !strings.Contains(err.Error(), "URL 1") {
		t.Errorf("error %v", err)
	}
	var untold *keeper.UntoldError
	if !errors.As(err, &untold) || !slices.Equal(untold.Left, []string{"1 (generic+http)"}) || len(good.bodies) != 1 {
		t.Fatalf("%#v; the other service got %q", err, good.bodies)
	}
	again := change
	again.Only = untold.Left
	if err := s.Tell(t.Context(), again); !errors.As(err, &untold) {
		t.Errorf("error %v", err)
	}
	bad.mu.Lock()
	bad.status = http.StatusOK
	bad.mu.Unlock()
	if err := s.Tell(t.Context(), again); err != nil || len(good.bodies) != 1 || len(bad.bodies) != 3 {
		t.Errorf("%v; %d, and the other one %d", err, len(bad.bodies), len(good.bodies))
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	web := startWeb(t)
	s, err := notify.New(nil, web.URL+"/uuid")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []keeper.Ping{keeper.PingStart, keeper.PingSuccess, keeper.PingFail} {
		if err := s.Ping(t.Context(), p, "why"); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"/uuid/start", "/uuid", "/uuid/fail"}; !slices.Equal(web.paths, want) || web.bodies[2] != "why" {
		t.Errorf("paths %v, bodies %q", web.paths, web.bodies)
	}
	web.status = http.StatusNotFound
	if err := s.Ping(t.Context(), keeper.PingSuccess, ""); err == nil || strings.Contains(err.Error(), "uuid") {
		t.Errorf("error %v", err)
	}
	web.Close()
	if err := s.Ping(t.Context(), keeper.PingSuccess, ""); err == nil || strings.Contains(err.Error(), "uuid") {
		t.Errorf("error %v", err)
	}
}

func TestWrongURLsAreRefusedWithoutRepeatingThem(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"nosuch://secret-marker@x", "smtp://secret-marker", "://secret-marker", "slack://secret-marker", "secret-marker", "hooks.example.org/secret-marker"} {
		if _, err := notify.New([]string{u}, ""); err == nil || strings.Contains(err.Error(), "marker") {
			t.Errorf("%s: error %v", u, err)
		}
	}
	if _, err := notify.New(nil, "ftp://secret-marker"); err == nil || strings.Contains(err.Error(), "marker") {
		t.Errorf("error %v", err)
	}
}

// A service that does not answer does not hold up the pass for ever.
func TestSilentService(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := notify.New([]string{"generic+http://" + l.Addr().String() + "/x"}, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.Tell(ctx, change); err == nil {
		t.Error("no error")
	}
}

// What a receiver repeats of its URL in an error is not printed, and where a watchdog
// redirects to does not learn the URL.
func TestReceiversThatRepeatTheURL(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "unknown: %s %q %s %s", r.URL.Path, r.URL.RawQuery, user, password)
	}))
	defer echo.Close()
	host := strings.TrimPrefix(echo.URL, "http://")
	for _, u := range []string{
		"generic+http://" + host + "/secret-marker/x", "generic+http://" + host + "/a/b?token=secret-marker",
		"generic+http://user:marker@" + host + "/x", "generic+http://secret-marker:p@" + host + "/x",
		"generic+http://" + host + "/secret%2Fmarker%20x/y", "gotify://" + host + "/Aaaaaaaaaamarker?disabletls=yes",
		"ntfy://:marker@" + host + "/secret-marker?scheme=http", "matrix://user:marker@" + host + "/?disabletls=yes&rooms=secret-marker",
	} {
		s, err := notify.New([]string{u}, "")
		if err != nil {
			if strings.Contains(err.Error(), "marker") {
				t.Errorf("%s: %v", u, err)
			}
			continue
		}
		if err := s.Tell(t.Context(), change); err == nil || strings.Contains(err.Error(), "marker") {
			t.Errorf("%s: error %v", u, err)
		}
	}
	var referers []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		referers = append(referers, r.Referer())
	}))
	defer other.Close()
	redirect := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer redirect.Close()
	s, err := notify.New(nil, redirect.URL+"/secret-marker")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context(), keeper.PingSuccess, "x"); err != nil || !slices.Equal(referers, []string{""}) {
		t.Errorf("%v, referers %q", err, referers)
	}
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }))
	defer loop.Close()
	if s, err = notify.New(nil, loop.URL+"/secret-marker"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context(), keeper.PingSuccess, "x"); err == nil || strings.Contains(err.Error(), "marker") {
		t.Errorf("error %v", err)
	}
}

// A name that an attacker has chosen is text in a mail, whatever the URL asks for.
func TestMailIsText(t *testing.T) {
	t.Parallel()
	mail := startMail(t)
	s, err := notify.New([]string{"smtp://" + mail.Addr().String() + "/?from=keeper@example.org&to=admin@example.org&auth=None&encryption=None&usestarttls=no&UseHTML=yes"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), "RWM", "files <img src=http://evil.example/x> changed"); err != nil {
		t.Fatal(err)
	}
	if len(mail.mails) != 1 || strings.Contains(mail.mails[0], "text/html") || !strings.Contains(mail.mails[0], "text/plain") {
		t.Errorf("mails %q", mail.mails)
	}
}
