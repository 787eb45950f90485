package s3state

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// permanentNet tells the transport errors that waiting does not mend: a name
// that does not resolve, a certificate that is not trusted, the wrong scheme.
func permanentNet(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsNotFound
	}
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	if errors.As(err, &cert) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &record) {
		return true
	}
	return strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") ||
		strings.Contains(err.Error(), "unsupported protocol scheme")
}
