package restic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

const (
	maxKeyFile   = 1 << 20
	maxKDFMemory = 256 << 20 // bytes; restic itself makes keys that need 60 MiB at most
	maxKDFCost   = 2 << 30   // bytes gone over: some seconds; restic aims at half a second
	saltSize     = 64
)

// loadKey accepts only a key whose sealed part is long enough to decrypt and whose key
// derivation stays within bounds. A planted key could otherwise crash the program or
// exhaust its memory, before the password is even checked.
func (g *guard) loadKey(ctx context.Context, h engbackend.Handle, fn func(rd io.Reader) error) error {
	return g.Backend.Load(ctx, h, 0, 0, func(rd io.Reader) error {
		raw, err := io.ReadAll(io.LimitReader(rd, maxKeyFile+1))
		if err != nil {
			return err
		}
		if reason := badKey(raw); reason != "" {
			return &damagedError{g.location, objectName(h), reason}
		}
		return fn(bytes.NewReader(raw))
	})
}

// badKey describes what is wrong with a key file.
func badKey(raw []byte) string {
	if len(raw) > maxKeyFile {
		return fmt.Sprintf("it has more than %d bytes", maxKeyFile)
	}
	var key struct {
		KDF        string
		N, R, P    int64
		Salt, Data []byte
	}
	if err := json.Unmarshal(raw, &key); err != nil {
		return "it is not a key: " + err.Error()
	}
	if len(key.Data) < minStored {
		return fmt.Sprintf("its sealed part has %d bytes, at least %d are needed", len(key.Data), minStored)
	}
	if key.KDF != "scrypt" || len(key.Salt) != saltSize || key.N&(key.N-1) != 0 {
		return "its key derivation is not restic's"
	}
	inRange := func(n, limit int64) bool { return n > 0 && n <= limit }
	if !inRange(key.N, maxKDFMemory) || !inRange(key.R, maxKDFMemory) || !inRange(key.P, maxKDFCost) ||
		key.N > maxKDFMemory/128/key.R || key.P > maxKDFCost/128/key.R/key.N {
		return fmt.Sprintf("its key derivation (N=%d r=%d p=%d) would need too much memory or time", key.N, key.R, key.P)
	}
	return ""
}
