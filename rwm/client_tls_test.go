package rwm_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/rwm"
)

// SSL_CERT_FILE names whom to trust, though NewTransport does not read it itself
// everywhere. It is read once in a process, so each answer takes one of its own.
func TestTrustsWhomTheEnvironmentNames(t *testing.T) {
	if url := os.Getenv("RWM_TEST_GET"); url != "" {
		transport, err := rwm.NewTransport()
		if err != nil {
			t.Fatal(err)
		}
		if transport.TLSClientConfig.MinVersion < tls.VersionTLS12 {
			t.Errorf("speaks versions of TLS as old as %x", transport.TLSClientConfig.MinVersion)
		}
		if _, err = (&http.Client{Transport: transport}).Get(url); err != nil {
			t.Fatal(err)
		}
		return
	}
	harness.NotShort(t)
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, trusted := range map[string]bool{file: true, "": false} {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "RWM_TEST_GET="+server.URL, "SSL_CERT_FILE="+name)
		if out, err := cmd.CombinedOutput(); (err == nil) != trusted {
			t.Errorf("SSL_CERT_FILE=%q: %v\n%s", name, err, out)
		}
	}
}
