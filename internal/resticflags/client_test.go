package resticflags

import (
	"slices"
	"testing"
)

// The flags of the client may stand in the arguments of one backup: the original ran a
// restic of its own for each.
func TestClientFlags(t *testing.T) {
	env := func(variable string) string {
		return map[string]string{"RESTIC_CACERT": "env.pem", "RESTIC_HTTP_USER_AGENT": "env/1", "RESTIC_PACK_SIZE": "large"}[variable]
	}
	one := []string{"--cacert", "a.pem", "-o", "s3.region=eu", "--tls-client-cert=c.pem"}
	two := []string{"--cacert", "b.pem", "--insecure-tls", "-o", "s3.retries=4"}
	_, err := ParseClient(env, []string{"--cacert", "a.pem", "-x"}, one, append(two, "-o", "s3.region=eu"))
	if err == nil {
		t.Error("one of two backups has --insecure-tls")
	}
	c, err := ParseClient(env, nil, one, append([]string{"--no-scan"}, two[:2]...), two[3:])
	if err != nil || !slices.Equal(c.Cacert, []string{"a.pem", "b.pem"}) || c.InsecureTLS || c.TLSClientCert != "c.pem" || c.HTTPUserAgent != "env/1" || c.S3 != (S3{Region: "eu", Retries: 4}) {
		t.Errorf("%v %+v", err, c)
	}
	if c, err = ParseClient(env, nil, two, two); err != nil || !c.InsecureTLS {
		t.Errorf("%v %+v", err, c)
	}
	if c, err = ParseClient(env, nil); err != nil || !slices.Equal(c.Cacert, []string{"env.pem"}) {
		t.Errorf("%v %+v", err, c)
	}
	for _, other := range [][]string{{"-o", "s3.region=us"}, {"--tls-client-cert=d.pem"}} {
		if _, err := ParseClient(env, one, other); err == nil {
			t.Errorf("%q: no error", other)
		}
	}
}
