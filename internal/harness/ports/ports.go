// Package ports finds TCP ports for servers that cannot be told to choose one
// themselves and report it.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports below the range that systems hand out by themselves: Linux begins at 32768,
// the others at 49152. A port from there that is free now can be taken before its
// server binds it, by the next connection or listener of any other test.
const (
	first = 20_000
	last  = 32_000
)

// ErrNone is returned when no port is free.
var ErrNone = errors.New("no free TCP ports on 127.0.0.1")

// Free returns n different ports on which nothing listens at 127.0.0.1. With offsets,
// the ports at these distances above each of them are free as well.
func Free(n int, offsets ...int) ([]int, error) {
	found := make([]int, 0, n)
	for range 1000 {
		if len(found) == n {
			return found, nil
		}
		port := first + rand.IntN(last-first)
		held, err := hold(port, offsets)
		defer release(held) // until all are known, so that they differ
		if err == nil {
			found = append(found, port)
		}
	}
	return nil, ErrNone
}

// hold listens on the port and those at the offsets.
func hold(port int, offsets []int) (held []net.Listener, err error) {
	for _, offset := range append([]int{0}, offsets...) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)))
		if err != nil {
			return held, err
		}
		held = append(held, l)
	}
	return held, nil
}

func release(held []net.Listener) {
	for _, l := range held {
		_ = l.Close() // nothing was accepted on it
	}
}
