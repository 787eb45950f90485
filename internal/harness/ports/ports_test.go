package ports

import (
	"net"
	"strconv"
	"testing"
)

// TestFree holds that no port is one of those the system hands out by itself: another
// test's connection would take it before the server that it is meant for.
func TestFree(t *testing.T) {
	found, err := Free(50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range found {
		if port >= 32768 || seen[port] {
			t.Errorf("port %d is in the system's range or named twice", port)
		}
		seen[port] = true
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			t.Error(err)
			continue
		}
		defer l.Close() //nolint:errcheck // nothing was accepted on it
	}
}

func TestFreeWithOffsets(t *testing.T) {
	found, err := Free(1, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(found[0]+10_000))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was accepted on it
	if _, err := Free(1, 70_000); err == nil {
		t.Error("a port above 65535 counts as free")
	}
}
