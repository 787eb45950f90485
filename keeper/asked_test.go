package keeper_test

import (
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
)

// A pass over some storages tells the watchdog of all of them: else it would call off
// the alarm about the others. A storage that is named twice is visited once.
func TestPassOverSomeStorages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1", "web2")
	w.backup("web1") // web2 has none
	w.advance(time.Hour)
	k := w.keeper()
	pass := func(names ...string) (*keeper.Report, keeper.Ping) {
		t.Helper()
		report, err := k.Pass(t.Context(), names...)
		if err != nil {
			t.Fatal(err)
		}
		return report, w.pings[len(w.pings)-1]
	}
	if report, ping := pass("web1"); !report.Green() || ping != keeper.PingFail {
		t.Errorf("green %t, ping %s, before the first pass over web2", report.Green(), ping)
	}
	if report, ping := pass(); report.Green() || ping != keeper.PingFail {
		t.Errorf("green %t, ping %s", report.Green(), ping)
	}
	report, ping := pass("web1", "web1")
	if !report.Green() || len(report.Storages) != 1 {
		t.Errorf("green %t, %d storages", report.Green(), len(report.Storages))
	}
	if ping != keeper.PingFail {
		t.Errorf("ping %s, and web2 is still red", ping)
	}
	w.backup("web2")
	if _, ping := pass("web2"); ping != keeper.PingSuccess {
		t.Errorf("ping %s, and all are green", ping)
	}
}
