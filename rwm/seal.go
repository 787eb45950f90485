package rwm

import (
	"context"

	"github.com/cesnet/rwm/s3state"
)

// SealStorage keeps the host of a policed bucket from reading file data back
// ([s3state.Store.Seal]). It takes the admin's credentials.
func (m *Manager) SealStorage(ctx context.Context, bucket string, opts s3state.SealOptions) (*s3state.SealResult, error) {
	m = m.made()
	return m.store.Seal(ctx, bucket, opts)
}

// UnsealStorage lets the host of a sealed bucket read file data for a time, after which
// the server seals it again by itself ([s3state.Store.Unseal]). It takes the admin's
// credentials.
func (m *Manager) UnsealStorage(ctx context.Context, bucket string, opts s3state.UnsealOptions) (*s3state.SealResult, error) {
	m = m.made()
	return m.store.Unseal(ctx, bucket, opts)
}
