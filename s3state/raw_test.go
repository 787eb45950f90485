package s3state

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// rawRequest is one whose path and query are sent as they are written, as no S3 client
// would send some of them.
type rawRequest struct {
	method, path, query string
	header              []string // names and values in turn
	body                string
	service             string // that of the signature; "" for s3
}

// reply is what a server said.
type reply struct {
	status int
	body   string
	header http.Header
}

func (a reply) ok() bool { return a.status/100 == 2 }

// raw signs and sends a request. One that the server does not understand may end with
// the connection: that is status 0.
func raw(t *testing.T, srv *s3test.Server, id s3test.Identity, r rawRequest) reply {
	t.Helper()
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	u := *base
	u.RawQuery, u.RawPath = r.query, r.path
	if u.Path, err = url.PathUnescape(r.path); err != nil {
		u.Path, u.RawPath = r.path, ""
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, base.String(), strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.URL = &u
	for i := 0; i < len(r.header); i += 2 {
		req.Header[r.header[i]] = []string{r.header[i+1]}
	}
	sum, md := sha256.Sum256([]byte(r.body)), md5.Sum([]byte(r.body))
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if r.body != "" {
		req.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(md[:]))
	}
	if r.service == "sts" {
		req = signer.SignV4STS(*req, id.AccessKey, id.SecretKey, "us-east-1")
	} else {
		req = signer.SignV4(*req, id.AccessKey, id.SecretKey, "", "us-east-1")
	}
	return roundTrip(t, req)
}

func roundTrip(t *testing.T, req *http.Request) reply {
	t.Helper()
	req.Close = true // an odd request may spoil the connection
	client := http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Logf("%s %s: %v", req.Method, req.URL, err)
		return reply{}
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	io.Copy(&b, io.LimitReader(resp.Body, 1<<20)) //nolint:errcheck // what came is judged
	return reply{status: resp.StatusCode, body: b.String(), header: resp.Header}
}
