package s3state

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// Every kind of bad input is one clear error, and nothing is changed.
func TestRestoreBadInput(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	st := w.save()
	good := func() RestoreOptions {
		return RestoreOptions{Source: w.bucket, Target: w.srv.Bucket(t), Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}}
	}
	plain := w.srv.Bucket(t)
	if err := w.admin.client.MakeBucket(w.ctx, plain, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	put(t, w.admin, plain, "mine", "x")

	state := func(body string) func(*RestoreOptions) {
		key := "rwm/state_2026-01-01T00:00:00.000000+00:00.json.gz"
		version := w.put(key, body)
		return func(o *RestoreOptions) { o.Moment = Moment{StateKey: key, StateVersion: version} }
	}
	whole := contents(t, w.admin, w.bucket)[st.Key]
	for _, c := range []struct {
		name   string
		change func(*RestoreOptions)
		want   error
	}{
		{"same bucket", func(o *RestoreOptions) { o.Target = o.Source }, ErrSameBucket},
		{"existing target", func(o *RestoreOptions) { o.Target = plain }, ErrTargetExists},
		{"bad target name", func(o *RestoreOptions) { o.Target = "No_Bucket" }, ErrInvalid},
		{"no such source", func(o *RestoreOptions) { o.Source = "no-such-bucket" }, ErrNoBucket},
		{"unversioned source", func(o *RestoreOptions) { o.Source = plain }, ErrNotVersioned},
		{"no state key", func(o *RestoreOptions) { o.Moment.StateKey = "" }, ErrInvalid},
		{"no such key", func(o *RestoreOptions) { o.Moment.StateKey += "x" }, ErrNoState},
		{"no such version", func(o *RestoreOptions) { o.Moment.StateVersion = "00000000000000000000000000" }, ErrNoState},
		{"malformed version", func(o *RestoreOptions) { o.Moment.StateVersion = "no such version" }, ErrNoState},
		{"not gzip", state("{}"), ErrBadState},
		{"empty", state(""), ErrBadState},
		{"truncated", state(whole[:len(whole)/2]), ErrBadState},
		{"without its last bytes", state(whole[:len(whole)-3]), ErrBadState},
		{"not JSON", state(zipped("hello")), ErrBadState},
		{"JSON cut off", state(zipped(`{"bucket_name": "x", "versions": [`)), ErrBadState},
		{"no versions", state(zipped(`{"bucket_name": "` + w.bucket + `", "delete_markers": []}`)), ErrBadState},
		{"of another bucket", state(zipped(`{"bucket_name": "other", "versions": [], "delete_markers": []}`)), ErrBadState},
		{"host's credentials as target user", func(o *RestoreOptions) { o.TargetUser = "admin" }, ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good()
			c.change(&o)
			before := dump(t, w.admin, w.bucket)
			_, err := w.admin.Restore(w.ctx, o)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, not %v", err, c.want)
			}
			if o.Target != o.Source && o.Target != plain && o.Target != "No_Bucket" {
				if found, err := w.admin.exists(w.ctx, o.Target); err != nil || found {
					t.Errorf("a target was made (%v)", err)
				}
			}
			if after := dump(t, w.admin, w.bucket); strings.Join(after, "\n") != strings.Join(before, "\n") {
				t.Error("the source was changed")
			}
		})
	}
	if got := contents(t, w.admin, plain); len(got) != 1 || got["mine"] != "x" {
		t.Errorf("the foreign bucket holds %q now", got)
	}
	for name, err := range map[string]error{
		"save":    second(w.admin.Save(w.ctx, plain, CaptureOptions{})),
		"capture": second(w.admin.Capture(w.ctx, plain, &bytes.Buffer{}, CaptureOptions{})),
		"states":  second(w.admin.States(w.ctx, plain)),
		"drop":    second(w.admin.DropVersions(w.ctx, plain, DropOptions{})),
	} {
		if !errors.Is(err, ErrNotVersioned) {
			t.Errorf("%s of an unversioned bucket: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestBadConnection(t *testing.T) {
	w := newWorld(t)
	stranger := w.srv.Host
	stranger.SecretKey += "x"
	if _, err := w.store(stranger).Save(w.ctx, w.bucket, CaptureOptions{}); !errors.Is(err, ErrCredentials) {
		t.Errorf("wrong secret: %v", err)
	}
	if _, err := w.store(stranger).Create(w.ctx, w.srv.Bucket(t), "host", CreateOptions{}); !errors.Is(err, ErrCredentials) {
		t.Errorf("wrong secret: %v", err)
	}
	if strings.Contains(second(w.store(stranger).List(w.ctx)).Error(), stranger.SecretKey) {
		t.Error("the secret is in the error")
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	client, err := minio.New(addr, &minio.Options{Creds: credentials.NewStaticV4("a", "b", ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := New(client, WithTransport(http.DefaultTransport), WithRetries(2, time.Millisecond))
	for name, err := range map[string]error{
		"save":   second(s.Save(w.ctx, "bucket", CaptureOptions{})),
		"create": second(s.Create(w.ctx, "bucket", "host", CreateOptions{})),
		"list":   second(s.List(w.ctx)),
	} {
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s at a dead endpoint: %v", name, err)
		}
	}
}
