package rwm_test

import (
	"strings"
	"testing"
)

// A service has no home directory. Then nothing is known of earlier renewals, which is
// no error.
func TestLastRenewalWithoutAHome(t *testing.T) {
	m := newWorld(t).manager()
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	if proof, err := m.LastRenewal("bucket"); err != nil || !proof.Time.IsZero() {
		t.Errorf("%+v %v", proof, err)
	}
	if _, err := m.RenewLedgerPath("bucket"); err == nil || !strings.Contains(err.Error(), "--ledger FILE") {
		t.Errorf("%v", err)
	}
}
