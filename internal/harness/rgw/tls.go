package rgw

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CertFile is the certificate of the gateway's HTTPS endpoint, in PEM, for those who
// take no other; its key follows in the same file.
func (c *Cluster) CertFile() string { return filepath.Join(c.dir, "tls.pem") }

// writeCert makes the certificate of [Cluster.URLTLS], which signs itself.
func (c *Cluster) writeCert() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rgw"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, block := range []pem.Block{{Type: "CERTIFICATE", Bytes: signed}, {Type: "PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&out, &block); err != nil {
			return err
		}
	}
	return os.WriteFile(c.CertFile(), out.Bytes(), 0o600)
}
