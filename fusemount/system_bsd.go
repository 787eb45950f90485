//go:build darwin || freebsd

package fusemount

import (
	"bytes"
	"fmt"
	"log/slog"
	"os/exec"

	"github.com/hanwen/go-fuse/v2/fuse"
)

func readOnly(o *fuse.MountOptions) { o.Options = append(o.Options, "ro") }

func available(Options) error { return nil }

// unmount frees dir, by force if it is in use: these systems have no lazy unmount.
func unmount(dir string) (Result, error) {
	if err := umount(dir); err == nil {
		return Result{}, nil
	}
	if err := umount("-f", dir); err != nil {
		return Result{}, err
	}
	return Result{Lazy: true}, nil
}

func umount(args ...string) error {
	if out, err := exec.Command("umount", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("umount: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// cleanStale does nothing: these systems end a mount with its process.
func cleanStale(string, *slog.Logger) error { return nil }

func mountedOn(string) string { return "" }
