package rcc

import (
	"slices"
	"testing"
)

func TestPurges(t *testing.T) {
	c := Config{Bucket: "crypt"}
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"purge", "rwmbe:"}, []string{"crypt"}},
		{[]string{"purge", "rwmbe:/dir/sub"}, []string{"crypt"}},
		{[]string{"-v", "--transfers", "4", "purge", "rwms3:other/dir"}, []string{"other"}},
		{[]string{"purge", "rwms3,versions=true:other"}, []string{"other"}},
		{[]string{"delete", "--s3-versions", "rwms3:other"}, []string{"other"}},
		{[]string{"delete", "rwms3,versions=true:other/x"}, []string{"other"}},
		{[]string{"sync", "/data", "rwmbe:", "--s3-versions=true"}, []string{"crypt"}},
		{[]string{"purge", "/data"}, nil},
		{[]string{"delete", "rwmbe:dir"}, nil},
		{[]string{"lsf", "--s3-versions", "rwms3:other"}, nil},
	} {
		if got := c.Purges(test.args); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.args, got, test.want)
		}
	}
}

func TestTLSForRclone(t *testing.T) {
	env := TLS{CACerts: []string{"/a b,c", `/q"x`}, ClientCert: "/pem", Insecure: true, UserAgent: "ua"}.environment()
	if env["RCLONE_CA_CERT"] != `"/a b,c","/q""x"` || env["RCLONE_CLIENT_CERT"] != "/pem" || env["RCLONE_CLIENT_KEY"] != "/pem" ||
		env["RCLONE_NO_CHECK_CERTIFICATE"] != "true" || env["RCLONE_USER_AGENT"] != "ua" || len((TLS{}).environment()) != 0 {
		t.Errorf("%q", env)
	}
}
