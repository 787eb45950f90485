package resticflags

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
)

// Given says whether any of the flags was.
func (h *HTTP) Given() bool {
	return len(h.Cacert) > 0 || h.TLSClientCert != "" || h.InsecureTLS || h.HTTPUserAgent != ""
}

// Transport applies the flags to a transport of one's own. It reads the files they
// name.
func (h *HTTP) Transport(ctx context.Context, transport *http.Transport) (http.RoundTripper, error) {
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config := transport.TLSClientConfig
	config.InsecureSkipVerify = h.InsecureTLS //nolint:gosec // that is what was asked for
	if len(h.Cacert) > 0 {
		config.RootCAs = x509.NewCertPool()
		for _, file := range h.Cacert {
			pem, err := readFile(ctx, file)
			if err != nil {
				return nil, fmt.Errorf("--cacert: %w", err)
			}
			if !config.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("--cacert: no certificate in %s", file)
			}
		}
	}
	if h.TLSClientCert != "" {
		pem, err := readFile(ctx, h.TLSClientCert)
		if err != nil {
			return nil, fmt.Errorf("--tls-client-cert: %w", err)
		}
		pair, err := tls.X509KeyPair(pem, pem)
		if err != nil {
			return nil, fmt.Errorf("--tls-client-cert: %s: %w", h.TLSClientCert, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if h.HTTPUserAgent != "" {
		return userAgent{transport, h.HTTPUserAgent}, nil
	}
	return transport, nil
}

// userAgent sets the User-Agent header, which no signature covers.
type userAgent struct {
	http.RoundTripper
	name string
}

func (u userAgent) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("User-Agent", u.name)
	return u.RoundTripper.RoundTrip(request)
}
