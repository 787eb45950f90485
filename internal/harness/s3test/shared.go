package s3test

import (
	"os"
	"sync"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
)

var shared = sync.OnceValues(func() (*Server, error) {
	s, file, err := newServer(os.TempDir(), options{})
	if err != nil {
		return nil, err
	}
	defer os.Remove(file)
	binary, err := binaryPath()
	if err != nil {
		return nil, err
	}
	// It ends with this process, which holds its standard input open until then.
	_, err = s.start(binary, options{}, file)
	s.isShared = true
	return s, err
})

// Shared returns the one server of this test process, for tests that have a bucket of
// their own there and do not look at others. It saves starting one for each test. What
// would change it for the others, as [Server.Inject] and [Server.SetClock] do, ends the
// test: that takes a server from [Start].
func Shared(t testing.TB) *Server {
	t.Helper()
	harness.NotShort(t)
	if endpoint := os.Getenv("RWM_TEST_S3"); endpoint != "" {
		return external(t, endpoint)
	}
	s, err := shared()
	if err != nil {
		t.Fatalf("s3test: %v", err)
	}
	return s
}

// Stride is how far a test goes from one request at which something happens to the
// next: on the embedded server, and for a release, it tries each of them; on a real
// server, where that takes minutes, every third.
func Stride() int64 {
	if os.Getenv("RWM_TEST_S3") == "" {
		return 1
	}
	return int64(harness.Size(3, 1))
}
