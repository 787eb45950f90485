package attack

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/s3state"
)

// A keeper with rights of its own proves everything there is to prove, sees the attack
// at the pass after it, and names the moment before; on a real server, too.
func TestKeeperSeesTheAttack(t *testing.T) {
	t.Parallel()
	srv := s3test.Start(t)
	w := newWorld(t, srv)
	bucket := srv.Bucket(t)
	_, err := w.admin.Storage().Create(w.ctx, bucket, srv.Host.Name, s3state.CreateOptions{Keeper: srv.Host2.Name})
	must(t, err)
	w.bucket, w.admin, w.client = bucket, w.manager(srv.Admin, bucket), w.manager(srv.Host, bucket)
	session, err := w.client.InitRepository(w.ctx)
	must(t, err)
	must(t, session.Close())
	for n := range 2 {
		w.change(n)
		w.backup()
	}
	cfg, err := keeper.ParseConfig(strings.NewReader(fmt.Sprintf(`state_dir: %s
storages:
  web1: {s3_endpoint_url: %q, s3_access_key: %q, s3_secret_key: %q, restic_bucket: %s, restic_password: %q,
    host_access_key: %q, host_secret_key: %q}
`, filepath.Join(t.TempDir(), "state"), srv.URL, srv.Host2.AccessKey, srv.Host2.SecretKey, bucket, password, srv.Host.AccessKey, srv.Host.SecretKey)), "keeper.conf")
	must(t, err)
	pass := func() *keeper.Status {
		t.Helper()
		ahead := time.Until(w.now()) // of the server's clock, which the test moves
		k, err := keeper.New(cfg, keeper.WithClock(func() time.Time { return time.Now().Add(ahead) }))
		must(t, err)
		report, err := k.Pass(w.ctx)
		must(t, err)
		return report.Storages[0]
	}
	first := pass()
	if !first.Green || first.Drill == nil || first.Drill.Files == 0 || len(first.Drill.Failed) > 0 || first.Proof == nil || !first.Proof.Proved {
		t.Fatalf("before the attack: %+v", first)
	}
	w.pass(time.Hour)
	massDelete(w)
	st := pass()
	red := func(code string) bool {
		return slices.ContainsFunc(st.Reds, func(r keeper.Red) bool { return r.Code == code })
	}
	if st.Green || !st.Frozen || !red("history") {
		t.Errorf("after the attack: %+v", st.Reds)
	}
	if d := st.LastGood.Sub(w.good); d > 3*time.Hour || d < -time.Minute {
		t.Errorf("last good moment %v, the last good run ended %v", st.LastGood, w.good)
	}
}
