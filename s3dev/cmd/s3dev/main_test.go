package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// TestRun goes through the life of the command: ready line, control, end of input.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	users, faults, ready := filepath.Join(dir, "users"), filepath.Join(dir, "faults"), filepath.Join(dir, "ready")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(users, `[{"name":"a","access_key":"a-key","secret_key":"a-secret"}]`)
	write(faults, `[{"kind":"status","status":418,"path":"^/teapot","delay":"1ms"}]`)
	var c cli
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--listen=127.0.0.1:0", "--control=127.0.0.1:0", "--users=" + users, "--faults=" + faults,
		"--ready-file=" + ready, "--synthetic=big:10:2", "--latency=1ms", "--exit-on-stdin-eof"}); err != nil {
		t.Fatal(err)
	}
	stdin, closer := io.Pipe()
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- c.run(context.Background(), stdin, stdout) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(ready); err != nil || string(text) != line {
		t.Errorf("the ready file has %q, %v", text, err)
	}
	var info struct{ URL, Control string }
	if err := json.Unmarshal([]byte(line), &info); err != nil {
		t.Fatal(err)
	}
	do := func(method, url, body string, want int) string {
		t.Helper()
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != want {
			t.Errorf("%s %s: %d %s", method, url, resp.StatusCode, text)
		}
		return string(text)
	}
	do("GET", info.URL+"/teapot", "", 418)
	do("DELETE", info.Control+"/faults", "", 204)
	do("GET", info.URL+"/teapot", "", 404)
	do("POST", info.Control+"/faults", `{"kind":"status","status":503}`, 204)
	do("GET", info.URL+"/teapot", "", 503)
	do("POST", info.Control+"/faults", `{"kind":"nonsense"}`, 400)
	do("POST", info.Control+"/faults", `{"unknown":1}`, 400)
	do("PUT", info.Control+"/latency", `{"latency":"0s"}`, 204)
	if now := do("PUT", info.Control+"/clock", `{"freeze":"2030-01-01T00:00:00Z","advance":"1h"}`, 200); !strings.Contains(now, "2030-01-01T01:00:00Z") {
		t.Errorf("the clock is at %s", now)
	}
	var requests []struct{ Path, Fault string }
	if err := json.Unmarshal([]byte(do("GET", info.Control+"/requests", "", 200)), &requests); err != nil || len(requests) != 3 || requests[2].Fault != "status" {
		t.Errorf("the log has %+v, %v", requests, err)
	}
	do("DELETE", info.Control+"/requests", "", 204)
	do("POST", info.Control+"/synthetic", `{"bucket":"big","owner":"acme$a","versions":1}`, 400)
	do("POST", info.Control+"/reset", "", 204)
	do("POST", info.Control+"/synthetic", `{"bucket":"big","owner":"acme$a","versions":1}`, 204)
	do("GET", info.Control+"/stats", "", 200)
	_ = closer.Close()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the command outlives its input")
	}
}

func TestUsers(t *testing.T) {
	c := cli{Tenant: "t", User: []string{"a:k:s:with:colons"}}
	users, err := c.users()
	if err != nil || len(users) != 1 || users[0].SecretKey != "s:with:colons" || users[0].OwnerID() != "t$a" {
		t.Errorf("%v, %v", users, err)
	}
	c.User = []string{"a:topsecret"}
	if _, err := c.users(); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("got %v", err)
	}
	if users, err := (&cli{Tenant: "t"}).users(); err != nil || len(users) != 3 {
		t.Errorf("%v, %v", users, err)
	}
}
