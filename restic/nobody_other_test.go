//go:build !linux

package restic

import (
	"testing"

	"github.com/cesnet/rwm/internal/harness"
)

func asNobody(t *testing.T) {
	t.Helper()
	harness.NotHere(t, "root reads everything")
}
