// Package crypto re-exports what is used of restic's internal/crypto.
package crypto

import "github.com/restic/restic/internal/crypto"

type (
	EncryptionKey = crypto.EncryptionKey
	Key           = crypto.Key
	MACKey        = crypto.MACKey
	Params        = crypto.Params
)

const (
	Extension = crypto.Extension
)

var (
	DefaultKDFParams   = &crypto.DefaultKDFParams
	ErrUnauthenticated = crypto.ErrUnauthenticated
)

var (
	Calibrate        = crypto.Calibrate
	CiphertextLength = crypto.CiphertextLength
	KDF              = crypto.KDF
	NewBlobBuffer    = crypto.NewBlobBuffer
	NewRandomKey     = crypto.NewRandomKey
	NewRandomNonce   = crypto.NewRandomNonce
	NewSalt          = crypto.NewSalt
	PlaintextLength  = crypto.PlaintextLength
)
