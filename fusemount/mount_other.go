//go:build !linux && !darwin && !freebsd

package fusemount

import (
	"context"
	"fmt"
	"runtime"

	"github.com/cesnet/rwm/restic"
)

// FileSystem is a mounted repository. There is none on this system.
type FileSystem struct{}

// Mount returns ErrNoFUSE on this system.
func Mount(context.Context, *restic.Session, string, Options) (*FileSystem, error) {
	return nil, fmt.Errorf("%w on %s; use restore or dump", ErrNoFUSE, runtime.GOOS)
}

// Dir returns the directory.
func (*FileSystem) Dir() string { return "" }

// Ready returns when the mount can be used.
func (*FileSystem) Ready(context.Context) error { return ErrNoFUSE }

// Wait waits until the directory is free again.
func (*FileSystem) Wait() (Result, error) { return Result{}, ErrNoFUSE }

// Unmount frees the directory.
func (*FileSystem) Unmount() (Result, error) { return Result{}, ErrNoFUSE }

// Close unmounts and releases the session.
func (*FileSystem) Close() error { return nil }
