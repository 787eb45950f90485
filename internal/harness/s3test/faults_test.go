package s3test_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/minio/minio-go/v7"
)

// TestFaultsAgree injects each kind on the server and at the client's
// transport: both must look the same to the client and leave the same behind.
func TestFaultsAgree(t *testing.T) {
	s := s3test.Start(t)
	bucket := s.Bucket(t)
	admin := s.Client(t, s.Admin)
	if err := admin.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind   s3test.Kind
		stored bool
		failed func(error) bool
	}{
		{s3test.Status, false, func(err error) bool { return minio.ToErrorResponse(err).StatusCode == 503 }},
		{s3test.Reset, false, broken},
		{s3test.ResetAfter, true, broken},
		{s3test.Stall, false, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
	} {
		for _, where := range []string{"server", "client"} {
			t.Run(string(tt.kind)+" "+where, func(t *testing.T) {
				key := string(tt.kind) + where
				fault := s3test.Fault{Method: "PUT", Path: key, Kind: tt.kind}
				client := admin
				if where == "server" {
					s.Inject(t, fault)
					defer s.ClearFaults(t)
				} else {
					faults := &s3test.Faults{}
					faults.Inject(fault)
					client = s.ClientVia(t, s.Admin, faults)
				}
				ctx := t.Context()
				if tt.kind == s3test.Stall {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
					defer cancel()
				}
				_, err := client.PutObject(ctx, bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{})
				if err == nil || !tt.failed(err) {
					t.Errorf("got %v", err)
				}
				if _, err := admin.StatObject(t.Context(), bucket, key, minio.StatObjectOptions{}); (err == nil) != tt.stored {
					t.Errorf("stored: %v", err)
				}
			})
		}
	}
}

func broken(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func TestClientFaults(t *testing.T) {
	s := s3test.Start(t)
	bucket := s.Bucket(t)
	faults := &s3test.Faults{Base: &http.Transport{DisableCompression: true}}
	client := minio.Core{Client: s.ClientVia(t, s.Admin, faults)}
	ctx := t.Context()
	if err := client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("x"), 1000)
	if _, err := client.Client.PutObject(ctx, bucket, "k", bytes.NewReader(data), 1000, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	faults.Inject(s3test.Fault{Method: "GET", Path: "^/" + bucket + "/k$", Kind: s3test.Truncate, After: 1, Times: 1})
	for i, want := range []int{1000, 500, 1000} {
		o, _, _, err := client.GetObject(ctx, bucket, "k", minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(o)
		o.Close()
		if len(got) != want || (want == 500) != errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("request %d: %d bytes, %v", i, len(got), err)
		}
	}
	faults.Clear()
	faults.Inject(s3test.Fault{Method: "PUT", Kind: s3test.ErrorIn200})
	// minio-go takes any 200 of a copy for a success; only the missing ETag
	// gives the error inside away.
	info, err := client.CopyObject(ctx, bucket, "k", bucket, "c", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	if err == nil && info.ETag != "" {
		t.Errorf("the copy seems to have worked: %+v", info)
	}
	if _, err := client.Client.StatObject(ctx, bucket, "c", minio.StatObjectOptions{}); err == nil {
		t.Error("the copy was made")
	}
	seen := faults.Requests()
	if seen[0].Path != "/"+bucket || seen[len(seen)-2].Fault != s3test.ErrorIn200 {
		t.Errorf("seen %+v", seen)
	}
}

func TestClock(t *testing.T) {
	s := s3test.Start(t, s3test.RGW())
	bucket := s.Bucket(t)
	client := s.Client(t, s.Host)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	s.FreezeClock(t, at)
	s.AdvanceClock(t, time.Hour)
	if _, err := client.PutObject(t.Context(), bucket, "k", strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := client.StatObject(t.Context(), bucket, "k", minio.StatObjectOptions{})
	if err != nil || !info.LastModified.Equal(at.Add(time.Hour)) {
		t.Errorf("the object is of %v, %v", info.LastModified, err)
	}
	s.SetClock(t, time.Now())
	s.SetLatency(t, time.Millisecond)
	s.Synthetic(t, "synthetic", 5, 2)
	n := 0
	for o := range s.Client(t, s.Admin).ListObjects(t.Context(), "synthetic", minio.ListObjectsOptions{Recursive: true, Prefix: "data/"}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d keys, want 3", n)
	}
}
