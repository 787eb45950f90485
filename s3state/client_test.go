package s3state_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/s3state"
)

type countingTransport struct{ n atomic.Int64 }

func (c *countingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	c.n.Add(1)
	return nil, errors.New("nothing is sent")
}

// The version listing, which minio-go has no call for, goes through the client's own
// transport too, with its TLS settings and proxies.
func TestTransportOfTheClient(t *testing.T) {
	rt := &countingTransport{}
	client, err := minio.New("s3.invalid", &minio.Options{Creds: credentials.NewStaticV4("k", "s", ""), Region: "none", Transport: rt, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range s3state.New(client, s3state.WithRetries(1, 1), nil).Client().Versions(t.Context(), "bucket", "") {
		if err == nil {
			t.Error("no error")
		}
	}
	if rt.n.Load() == 0 {
		t.Error("the client's transport was not used")
	}
}

func TestNilClientIsAnError(t *testing.T) {
	store := s3state.New(nil, nil, s3state.WithLogger(nil), s3state.WithClock(nil))
	if _, err := store.States(t.Context(), "bucket"); err == nil {
		t.Error("no error")
	}
	if _, err := store.Save(t.Context(), "bucket", s3state.CaptureOptions{}); err == nil {
		t.Error("no error")
	}
	for _, err := range store.Client().Versions(t.Context(), "bucket", "") {
		if err == nil {
			t.Error("no error")
		}
	}
}
