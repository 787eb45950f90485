package rwm_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// whenUnlocking calls do before the first request that deletes a lock.
type whenUnlocking struct {
	once sync.Once
	do   func()
}

func (u *whenUnlocking) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodDelete && strings.Contains(req.URL.Path, "/locks/") {
		u.once.Do(u.do)
	}
	return http.DefaultTransport.RoundTrip(req)
}

// An attacker on the host hides snapshots and their index whenever the keeper is about
// to renew, under restic's lock, and brings them back afterwards: at all other times
// everything is there and can be restored. So the locks of all packs that are current
// are renewed, whatever the index of that minute names, or the admin's keys, once they
// are stolen too, would destroy what was never missing.
func TestRenewKeepsWhatIsHiddenForAWhile(t *testing.T) {
	t.Parallel()
	l := newLockedLife(t, s3state.LockOptions{Days: 6, GraceDays: 4})
	l.config.Retention = nil
	l.backup(0)
	small := l.snapshots()[0]
	kept := map[string]bool{}
	for _, key := range l.objects("index/") {
		kept[key] = true
	}
	l.write("files/big.txt", string(make([]byte, 100_000)))
	l.backup(1)
	packs := l.objects("data/")
	client, bucket := l.Client(t, l.Host), l.config.ResticBucket

	var ids []string
	hidden := map[string][]byte{}
	for _, sn := range l.snapshots() {
		if sn.ID != small.ID {
			ids = append(ids, sn.ID.String())
			hidden["snapshots/"+sn.ID.String()] = nil
		}
	}
	for _, key := range l.objects("index/") {
		if !kept[key] {
			hidden[key] = nil
		}
	}
	for key := range hidden {
		o, err := client.GetObject(t.Context(), bucket, key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if hidden[key], err = io.ReadAll(o); err != nil {
			t.Fatal(err)
		}
	}
	hide := func() {
		m := l.manager(rwm.WithTransport(&whenUnlocking{do: func() {
			for key := range hidden {
				if strings.HasPrefix(key, "index/") {
					l.remove(key)
				}
			}
		}}), rwm.WithClock(func() time.Time { return l.now }), rwm.WithSessionOptions(restic.WithClock(func() time.Time { return l.now })))
		session, err := m.OpenRepository(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Forget(t.Context(), restic.ForgetOptions{Filter: restic.SnapshotFilter{IDs: ids}}); err != nil {
			t.Fatal(err)
		}
		if err := session.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for day := 2; day <= 15; day++ {
		l.to(day)
		hide()
		if n := len(l.objects("index/")); n != len(kept) {
			t.Fatalf("%d indexes are left", n)
		}
		l.now = l.now.Add(time.Hour)
		l.FreezeClock(t, l.now)
		if r := l.renew(); r.Frozen != "" || !r.Kept() {
			t.Logf("day %d: noticed: %+v", day, r.Frozen)
		}
		for key, body := range hidden {
			if _, err := client.PutObject(t.Context(), bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{SendContentMd5: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(l.snapshots()); n != len(ids)+1 {
		t.Fatalf("%d snapshots", n)
	}
	for _, key := range packs {
		mode, until, err := l.Client(t, l.Admin).GetObjectRetention(t.Context(), bucket, key, "")
		if err != nil || until == nil || until.Before(l.now.AddDate(0, 0, 6)) {
			t.Errorf("%s is locked until %v (%v), %v; now it is %s", key, until, mode, err, l.now)
		}
	}
}
