package notify

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A service that hangs is waited for once in a pass, not once for each storage.
func TestSilentServiceIsAskedOnce(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan net.Conn, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked <- conn // and never answered
		}
	}()
	s, err := New([]string{"generic+http://" + l.Addr().String() + "/x"}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.limit = 100 * time.Millisecond
	for i := range 20 {
		err := s.Send(t.Context(), "title", "text")
		if err == nil || (i > 0) != strings.Contains(err.Error(), "not asked again") {
			t.Fatalf("%d: %v", i, err)
		}
	}
	for len(asked) > 0 {
		conn := <-asked
		_ = conn.Close()
	}
}

// A service that ends its wait itself did not answer either.
func TestOwnLimits(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client := &http.Client{Timeout: time.Millisecond}
	_, err = client.Get("http://" + l.Addr().String())
	if !timedOut(err) || !timedOut(fmt.Errorf("sending: %w", context.DeadlineExceeded)) || timedOut(net.ErrClosed) || timedOut(nil) {
		t.Error(err)
	}
}
