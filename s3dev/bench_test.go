package s3dev_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

func benchWorld(b *testing.B) (*world, *minio.Core) {
	e := start(b)
	c := e.bucket("bench", true)
	e.police("bench")
	b.ResetTimer()
	return e, c
}

func BenchmarkPut(b *testing.B) {
	_, c := benchWorld(b)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Client.PutObject(b.Context(), "bench", fmt.Sprintf("data/%08d", n.Add(1)), strings.NewReader("small"), 5, minio.PutObjectOptions{}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	e, c := benchWorld(b)
	e.put(c, "bench", "k", "small")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if o, _, _, err := c.GetObject(b.Context(), "bench", "k", minio.GetObjectOptions{}); err != nil {
				b.Error(err)
			} else if _, err := io.Copy(io.Discard, o); err != nil {
				b.Error(err)
			} else {
				o.Close()
			}
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	e, c := benchWorld(b)
	e.put(c, "bench", "k", "small")
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.CopyObject(b.Context(), "bench", "k", "bench", fmt.Sprint("c", n.Add(1)), nil, minio.CopySrcOptions{}, minio.PutObjectOptions{}); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkListVersions lists a million generated versions; b.N counts pages.
func BenchmarkListVersions(b *testing.B) {
	e := start(b, func(c *s3dev.Config) {
		c.Synthetic = []s3dev.Synthetic{{Bucket: "bench", Versions: 1_000_000, PerKey: 2}}
	})
	q := "versions="
	for b.Loop() {
		_, body := e.raw(&adminUser, "GET", "/bench", q, nil)
		key, rest, _ := strings.Cut(between(body, "<NextKeyMarker>"), "<")
		_, version, _ := strings.Cut(rest, "<NextVersionIdMarker>")
		version, _, _ = strings.Cut(version, "<")
		q = "key-marker=" + strings.ReplaceAll(key, "/", "%2F") + "&version-id-marker=" + version + "&versions="
		if key == "" {
			q = "versions="
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "versions/s")
}

func between(body []byte, tag string) string {
	_, rest, _ := strings.Cut(string(body), tag)
	return rest
}

func BenchmarkLargePut(b *testing.B) {
	e, _ := benchWorld(b)
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<20/16)
	sum := sha256Base64(data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if resp, body := e.raw(&adminUser, "PUT", "/bench/large", "", data, "X-Amz-Checksum-Sha256", sum); resp.StatusCode != http.StatusOK {
			b.Fatalf("%s", body)
		}
		e.raw(&adminUser, "DELETE", "/bench/large", "", nil)
	}
}

func BenchmarkLargeGet(b *testing.B) {
	e, c := benchWorld(b)
	e.put(c, "bench", "large", strings.Repeat("0123456789abcdef", 64<<20/16))
	b.SetBytes(64 << 20)
	for b.Loop() {
		o, _, _, err := c.GetObject(b.Context(), "bench", "large", minio.GetObjectOptions{})
		e.ok(err)
		if _, err := io.Copy(io.Discard, o); err != nil {
			b.Fatal(err)
		}
		o.Close()
	}
}
