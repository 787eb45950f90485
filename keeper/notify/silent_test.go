package notify

import (
	"net"
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
