package s3state

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/harness"
)

// syntheticListing generates a bucket of n versions in restic's layout, page by
// page: every name is computed from its place, so the server holds nothing.
type syntheticListing struct {
	n       int
	latency time.Duration
}

// name is the i-th key in order; spread evenly over the 256 directories.
func (s *syntheticListing) name(i int) string {
	hi, lo := bits.Mul64(uint64(i), 1<<63)
	q, _ := bits.Div64(hi, lo, uint64(s.n))
	q <<= 1
	x := uint64(i)*0x9e3779b97f4a7c15 + 1
	return fmt.Sprintf("data/%02x/%016x%016x%016x%016x", q>>56, q, x, x*x, x*x*x)
}

// first is the index of the first key that is not less than key.
func (s *syntheticListing) first(key string) int {
	lo, hi := 0, s.n
	for lo < hi {
		if mid := (lo + hi) / 2; s.name(mid) < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (s *syntheticListing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Has("versions"):
		time.Sleep(s.latency)
		_, _ = w.Write(s.page(q))
	case q.Has("versioning"):
		fmt.Fprint(w, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	case q.Has("acl"):
		fmt.Fprint(w, `<AccessControlPolicy><Owner><ID>t$admin</ID></Owner><AccessControlList/></AccessControlPolicy>`)
	case q.Has("policy"):
		fmt.Fprint(w, bucketPolicy("bucket", userARN("t", "admin"), userARN("t", "host")))
	default:
		http.Error(w, "unexpected "+r.Method+" "+r.URL.String(), http.StatusNotImplemented)
	}
}

func (s *syntheticListing) page(q url.Values) []byte {
	prefix, key := q.Get("prefix"), q.Get("key-marker")
	i := s.first(max(key, prefix))
	if key != "" && i < s.n && s.name(i) == key {
		i++
	}
	left, _ := strconv.Atoi(q.Get("max-keys"))
	var b bytes.Buffer
	last, truncated := "", false
	b.WriteString(`<ListVersionsResult>`)
	for ; i < s.n; i++ {
		k := s.name(i)
		if !strings.HasPrefix(k, prefix) {
			break
		}
		if left--; left < 0 {
			truncated = true
			break
		}
		last = k
		fmt.Fprintf(&b, `<Version><Key>%s</Key><VersionId>%030d</VersionId><IsLatest>true</IsLatest><LastModified>2026-01-01T00:00:00.123Z</LastModified>`+
			`<ETag>&quot;%032x&quot;</ETag><Size>17000000</Size><StorageClass>STANDARD</StorageClass><Owner><ID>t$host</ID><DisplayName>host</DisplayName></Owner></Version>`, k, i, i)
	}
	fmt.Fprintf(&b, "<IsTruncated>%v</IsTruncated>", truncated)
	if truncated {
		fmt.Fprintf(&b, "<NextKeyMarker>%s</NextKeyMarker><NextVersionIdMarker>%030d</NextVersionIdMarker>", last, i-1)
	}
	b.WriteString(`</ListVersionsResult>`)
	return b.Bytes()
}

// The synthetic server runs in a process of its own, so that the memory
// measured is the reader's.
func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv("S3STATE_SYNTHETIC")); err == nil {
		latency, _ := time.ParseDuration(os.Getenv("S3STATE_LATENCY"))
		serveSynthetic(n, latency)
		return
	}
	flag.Parse()
	if testing.Short() {
		// They start a server, and cannot skip themselves.
		_ = flag.Set("test.skip", "^ExampleStore_(History|View|DropVersions)$")
	}
	os.Exit(m.Run())
}

func BenchmarkCaptureMemory1M(b *testing.B) {
	s := syntheticStore(b, 1_000_000, 0)
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as programs have it, not tests
	for b.Loop() {
		runtime.GC()
		debug.FreeOSMemory()
		idle := resident(b)
		var peak int64
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				peak = max(peak, resident(b))
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		}()
		res, err := s.Capture(b.Context(), "bucket", io.Discard, CaptureOptions{})
		close(stop)
		<-done
		if err != nil || res.Versions != 1_000_000 {
			b.Fatal(err, res)
		}
		b.ReportMetric(float64(peak-idle)/(1<<20), "MiB-above-idle")
	}
}

func BenchmarkCapture100k(b *testing.B) {
	for _, latency := range []time.Duration{0, 100 * time.Millisecond} {
		for _, parallel := range []int{1, 32} {
			b.Run(fmt.Sprintf("latency=%s/parallel=%d", latency, parallel), func(b *testing.B) {
				s := syntheticStore(b, 100_000, latency, WithParallel(parallel))
				for b.Loop() {
					res, err := s.Capture(b.Context(), "bucket", io.Discard, CaptureOptions{})
					if err != nil || res.Versions != 100_000 {
						b.Fatal(err, res)
					}
				}
			})
		}
	}
}

// resident is the resident memory of this process in bytes.
func resident(t testing.TB) int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		harness.NotHere(t, "no /proc")
	}
	n, _ := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	return n * int64(os.Getpagesize())
}

func serveSynthetic(n int, latency time.Duration) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
		os.Exit(0)
	}()
	_ = http.Serve(l, &syntheticListing{n, latency})
}

func syntheticStore(t testing.TB, n int, latency time.Duration, opts ...Option) *Store {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "S3STATE_SYNTHETIC="+strconv.Itoa(n), "S3STATE_LATENCY="+latency.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(strings.TrimSpace(addr), &minio.Options{
		Creds: credentials.NewStaticV4("AK", "SK", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	return New(client, append([]Option{WithTransport(tr), WithRetries(3, time.Millisecond)}, opts...)...)
}
