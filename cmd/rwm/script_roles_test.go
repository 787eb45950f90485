package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// serveRoles answers as the metadata service of a container does (under /container) and
// as AWS's STS: who may be "caller" gets the role "arn:aws:iam::1:role/backup" of
// the external ID "x1", which is the host.
func serveRoles(t *testing.T, host s3test.Identity) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /container", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"AccessKeyId": %q, "SecretAccessKey": %q, "Expiration": "2100-01-01T00:00:00Z"}`, host.AccessKey, host.SecretKey)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		signed := strings.Contains(r.Header.Get("Authorization"), "Credential=caller/") && strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/sts/")
		asked := r.FormValue("Action") == "AssumeRole" && r.FormValue("RoleSessionName") == "s1" && r.FormValue("ExternalId") == "x1" && r.FormValue("Policy") == "{}"
		if !signed || !asked || r.FormValue("RoleArn") != "arn:aws:iam::1:role/backup" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>AccessDenied</Code><Message>no such role for you</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><Expiration>2100-01-01T00:00:00Z</Expiration>
			</Credentials></AssumeRoleResult></AssumeRoleResponse>`, host.AccessKey, host.SecretKey)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}
