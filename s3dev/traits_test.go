package s3dev_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

// TestDialectTable holds the table of the documentation to the code.
func TestDialectTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	words := map[any]string{
		true: "yes", false: "-",
		s3dev.ConditionsKept: "kept", s3dev.ConditionsIgnored: "ign.", s3dev.ConditionsRefused: "refused",
		s3dev.ChecksumsVerified: "yes", s3dev.ChecksumsIgnored: "ign.", s3dev.ChecksumsAsked: "asked",
		s3dev.PrincipalARN: "ARN", s3dev.PrincipalZeroARN: "zero-ARN", s3dev.PrincipalAccessKeys: "access-key",
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line, ok := strings.CutPrefix(line, "//\t")
		line = strings.NewReplacer("zero ARN", "zero-ARN", "access key", "access-key", " (answers in Ceph's way)", "").Replace(line)
		if fields := strings.Fields(line); ok && len(fields) == 1+len(s3dev.Dialects()) {
			rows[fields[0]] = fields[1:]
		}
	}
	for i, dialect := range s3dev.Dialects() {
		traits, err := dialect.Traits()
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(traits)
		if len(rows) != v.NumField() {
			t.Fatalf("%d rows for %d traits", len(rows), v.NumField())
		}
		for f := range v.NumField() {
			name := v.Type().Field(f).Name
			if want := words[v.Field(f).Interface()]; rows[name] == nil || rows[name][i] != want {
				t.Errorf("%s of %s: the table says %v, want %q", name, dialect, rows[name], want)
			}
		}
	}
	if _, err := s3dev.Dialect("minio").Traits(); err == nil {
		t.Error("an unknown dialect has traits")
	}
}

// TestResetWhileTimeFlies takes the locks of both in either order.
func TestResetWhileTimeFlies(t *testing.T) {
	t.Parallel()
	e := start(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			e.Clock().Advance(24 * time.Hour)
		}
	}()
	c := e.client(adminUser)
	for range 50 {
		if err := c.MakeBucket(t.Context(), "bkt", minio.MakeBucketOptions{}); err == nil {
			e.status(adminUser, "PUT", "/bkt", "lifecycle=", promiseRules, "Content-MD5", md5Base64([]byte(promiseRules)))
		}
		e.Reset()
	}
	<-done
}
