package attack

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// strike does something once, when the first pack has been written.
type strike struct {
	once sync.Once
	do   func()
}

func (s *strike) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/data/") {
		s.once.Do(s.do)
	}
	return resp, err
}

// An attack while a backup is under way: what the run then saves is as broken as
// the bucket, but the moment before it leads back.
func TestAttackDuringABackup(t *testing.T) {
	w := newWorld(t, s3test.Start(t))
	w.change(0)
	w.backup()
	w.remember()
	good := w.good
	w.change(1)
	hit := &strike{do: func() { massOverwrite(w); massDelete(w) }}
	m, err := rwm.New(&rwm.Config{ResticBucket: w.bucket, ResticPassword: password, LockPath: w.TempDir() + "/lock",
		Backups: map[string]rwm.Backup{"files": {FilesDirs: []string{w.files}}}},
		rwm.WithClient(w.srv.ClientVia(t, w.srv.Host, hit)), rwm.WithTransport(hit), rwm.WithSessionOptions(restic.WithoutCache(), restic.WithRetryFor(0)))
	must(t, err)
	report, err := m.BackupAll(w.ctx)
	t.Logf("the run ended with %v", err)
	w.pass(time.Hour)
	w.recovered(good)
	for _, row := range report.Rows {
		if row.State == nil {
			continue
		}
		// it is a true state of a wrecked bucket
		_, _, err := w.admin.OpenAsOf(w.ctx, s3state.Moment{StateKey: row.State.Key, StateVersion: row.State.VersionID}, restic.WithoutCache())
		if err == nil || errors.Is(err, s3state.ErrStateDiffers) {
			t.Errorf("the state saved after the attack: %v", err)
		}
	}
}
