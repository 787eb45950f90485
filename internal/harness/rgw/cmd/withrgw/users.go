package main

import (
	"crypto/rand"

	"github.com/cesnet/rwm/internal/harness/rgw"
)

const tenant = "acme"

// roles are the users that internal/harness/s3test expects, by the environment variable
// that names each.
var roles = []struct{ variable, name string }{
	{"RWM_TEST_S3_ADMIN", "admin"},
	{"RWM_TEST_S3_HOST", "host"},
	{"RWM_TEST_S3_HOST2", "host2"},
}

func newUsers() []rgw.User {
	users := make([]rgw.User, len(roles))
	for i, r := range roles {
		users[i] = rgw.User{Tenant: tenant, Name: r.name, AccessKey: rand.Text()[:20], SecretKey: rand.Text()}
	}
	return users
}

// environ is what internal/harness/s3test reads.
func environ(cluster *rgw.Cluster, version int, users []rgw.User) []string {
	dialect := "rgw"
	switch {
	case version >= 20:
		dialect = "rgw20"
	case version >= 18:
		dialect = "rgw18"
	}
	env := []string{"RWM_TEST_S3=" + cluster.URL, "RWM_TEST_S3_TENANT=" + tenant, "RWM_TEST_S3_DIALECT=" + dialect}
	if version >= 20 { // see resticcli.Repo
		env = append(env, "RWM_TEST_S3_TLS="+cluster.URLTLS, "RWM_TEST_S3_CERT="+cluster.CertFile())
	}
	for i, u := range users {
		env = append(env, roles[i].variable+"="+u.Name+":"+u.AccessKey+":"+u.SecretKey)
	}
	return env
}
