// Package crypto re-exports what is used of restic's internal/crypto.
package crypto

import "github.com/restic/restic/internal/crypto"

type (
	Key    = crypto.Key
	Params = crypto.Params
)

var (
	CiphertextLength = crypto.CiphertextLength
	KDF              = crypto.KDF
	NewRandomNonce   = crypto.NewRandomNonce
	NewSalt          = crypto.NewSalt

	ErrUnauthenticated = crypto.ErrUnauthenticated
)
