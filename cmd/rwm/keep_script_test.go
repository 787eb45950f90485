package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// serveHooks is a webhook and a watchdog that write what they get to $WORK/hooks, a
// line for each request. What is below /moved leads to a page that anybody can GET.
// $HOOKS is its address, and keeper.conf has the storage main:
// the script's bucket, seen with the admin's credentials.
func serveHooks(env *testscript.Env, endpoint, key, secret string) error {
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(filepath.Join(env.WorkDir, "hooks"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintf(f, "%s %q\n", r.URL.Path, body)
			_ = f.Close()
		}
	}))
	env.Defer(server.Close)
	env.Setenv("HOOKS", server.URL)
	text := fmt.Sprintf(`state_dir: %[1]s/state
status_page: %[1]s/page
metrics_file: %[1]s/keeper.prom
notify: ["generic+%[2]s/message?template=json"]
ping: %[2]s/keeper
defaults: {s3_endpoint_url: "%[3]s", s3_access_key: "%[4]s", s3_secret_key: "%[5]s"}
storages:
  main: {restic_bucket: %[6]s, restic_password: correct-horse}
`, env.WorkDir, server.URL, endpoint, key, secret, env.Getenv("BUCKET"))
	// A receiver that there is no service for.
	mute := strings.Replace(text, "generic+", "nosuch://x/", 1)
	return errors.Join(os.WriteFile(filepath.Join(env.WorkDir, "keeper.conf"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(env.WorkDir, "mute.conf"), []byte(mute), 0o600))
}
