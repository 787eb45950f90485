// Package scrypt derives keys as RFC 7914 says, several lanes at a time.
//
// The cost parameter p of a key is a number of independent passes. restic gives a new
// key as many as take its machine half a second (five or six on common ones), and goes
// through them one after the other. Opening a repository can do nothing else meanwhile,
// so they are spread over the processors here; the result is the same.
//
// A pass is one long chain of operations, each of which needs the result of the one
// before. On amd64 a processor therefore works on two passes in turn, and with vectors
// of four words (pair_amd64.s); every amd64 processor has the instructions.
package scrypt

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// maxMemory bounds what the lanes that run at the same time use together: three of a
// key that restic makes. A single one may use more.
const maxMemory = 96 << 20

// block is what the core function works on.
const block = 64

// Params are the costs of a derivation.
type Params struct{ N, R, P int }

func (p Params) check() error {
	const most = 1 << 30
	switch {
	case p.N <= 1 || p.N&(p.N-1) != 0:
		return fmt.Errorf("scrypt: N=%d is not a power of two above 1", p.N)
	case p.R <= 0 || p.P <= 0 || p.R >= most/p.P:
		return fmt.Errorf("scrypt: r=%d p=%d are out of range", p.R, p.P)
	case p.N > (1<<62)/128/p.R:
		return fmt.Errorf("scrypt: N=%d r=%d need too much memory", p.N, p.R)
	}
	return nil
}

// workers says how many lanes each worker mixes at the same time, if a worker can mix
// so many together, which costs no more than one. There are no more workers than
// processors, and no more lanes than memory allows and make it faster.
func (p Params) workers(processors, together int) (lanes []int) {
	room := max(1, min(p.P, maxMemory/(128*p.R)/p.N))
	turns := (p.P + room - 1) / room
	room = (p.P + turns - 1) / turns
	for room > 0 && len(lanes) < processors {
		lanes = append(lanes, min(together, room))
		room -= together
	}
	return lanes
}

// Key derives size bytes from a password. Cancelling the context ends it after the
// lanes that are running.
func Key(ctx context.Context, p Params, salt []byte, password string, size int) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	width := 128 * p.R
	lanes, err := pbkdf2.Key(sha256.New, password, salt, 1, p.P*width)
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for _, n := range p.workers(runtime.GOMAXPROCS(0), together) {
		group.Go(func() {
			m := newMixer(p, n)
			for ctx.Err() == nil {
				end := int(next.Add(int64(n)))
				if end-n >= p.P {
					return
				}
				m.mix(lanes[(end-n)*width : min(end, p.P)*width])
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return pbkdf2.Key(sha256.New, password, lanes, 1, size)
}
