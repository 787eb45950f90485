package keeper_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3versions"
)

func task(t *testing.T, s *keeper.Status, which keeper.Task) keeper.TaskStatus {
	t.Helper()
	i := slices.IndexFunc(s.Tasks, func(ts keeper.TaskStatus) bool { return ts.Task == which })
	if i < 0 {
		t.Fatalf("no task %s", which)
	}
	return s.Tasks[i]
}

// Retention and dropping reclaim what nobody needs: after a week of backups old
// versions are gone, what is promised can be restored, and all is green. The week ends
// now: restic's locks have real time, and one from another day explains no deletion.
func TestForgetAndDrop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.set(time.Now().Add(-6*day - 2*time.Hour).Truncate(time.Second))
	s := w.cfg.Storages["web1"]
	s.Retention = rwm.Retention{"keep-within": "4d"}
	s.Drop, s.Promise, s.WholeSnapshot = keeper.Period(day), keeper.Span(2*day), 1<<30
	s.Drill = keeper.Period(20 * time.Hour)
	var last *keeper.Status
	for d := range 8 {
		w.write("web1", "changing.txt", noise(20000))
		w.backup("web1")
		if d < 6 {
			s.Forget = keeper.Never()
		} else {
			s.Forget = keeper.Period(day)
		}
		w.advance(time.Hour)
		report := w.pass()
		green(t, report)
		last = report.Storages[0]
		if t.Failed() {
			t.Fatalf("day %d", d)
		}
		w.advance(23 * time.Hour)
	}
	if b := last.Backups[0]; b.Snapshots != 8 {
		t.Errorf("backups %+v", b)
	}
	session, err := w.host("web1").OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	list, err := session.Snapshots(t.Context(), restic.SnapshotFilter{})
	if err != nil || len(list) != 5 {
		t.Errorf("%d snapshots are kept, %v", len(list), err)
	}
	if drop := task(t, last, keeper.TaskDrop); drop.Outcome != keeper.Proved || drop.Proved.IsZero() {
		t.Errorf("drop %+v", drop)
	}
	if last.Survey.OldCount > 200 {
		t.Errorf("%d old versions are left", last.Survey.OldCount)
	}
	if last.Drill.Whole == "" || last.Drill.Files < 40 {
		t.Errorf("drill %+v", last.Drill)
	}
}

// A pack that is not what its name says is found by reading, at the latest when its
// slice is read; and by a drill that needs it.
func TestDamagedPackIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.cfg.Storages["web1"].ReadAllWithin = keeper.Period(4 * day)
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
	client, bucket := w.Client(t, w.Admin), w.cfg.Storages["web1"].ResticBucket
	for o := range client.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Prefix: "data/", Recursive: true}) {
		// The same size, so that nothing but reading tells.
		body := bytes.Repeat([]byte("x"), int(o.Size))
		if _, err := client.PutObject(t.Context(), bucket, o.Key, bytes.NewReader(body), o.Size, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	red := map[string]bool{}
	for range 5 {
		w.advance(day)
		for _, code := range codes(w.pass().Storages[0]) {
			red[code] = true
		}
	}
	for _, code := range []string{"history", "read"} {
		if !red[code] {
			t.Errorf("not red for %s: %v", code, red)
		}
	}
}

// With the host's rights, or without the password, what cannot be proved is red with
// the reason, the rest is done, and off is off.
func TestLessRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	w.advance(time.Hour)
	s := w.cfg.Storages["web1"]
	password := s.ResticPassword
	s.ResticPassword = keeper.Secret{}
	st := w.pass().Storages[0]
	want := []string{"prove", "signs", "read", "drill"}
	if got := codes(st); !slices.Equal(got, want) {
		t.Errorf("without the password red for %v, want %v", got, want)
	}
	for _, r := range st.Reds {
		if !strings.Contains(r.Sentence, "password is not configured") {
			t.Errorf("red %+v", r)
		}
	}
	s.Prove, s.Signs, s.ReadAllWithin, s.Drill = keeper.Never(), keeper.Never(), keeper.Never(), keeper.Never()
	w.advance(time.Hour)
	green(t, w.pass())
	s.ResticPassword = password
	s.Drop = keeper.Period(7 * day)
	s.Prove = keeper.Always()
	s.S3AccessKey, s.S3SecretKey = keeper.SecretValue(w.Host.AccessKey), keeper.SecretValue(w.Host.SecretKey)
	w.advance(time.Hour)
	st = w.pass().Storages[0]
	if drop := task(t, st, keeper.TaskDrop); drop.Outcome != keeper.NotProved || drop.Text == "" {
		t.Errorf("drop with the host's rights: %+v", drop)
	}
	if n := st.Survey.Objects; n == 0 {
		t.Error("nothing was listed")
	}
}

// Without an answer from the storage, or with wrong keys, a storage is red and says so.
func TestUnreachableAndWrongKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	s := w.cfg.Storages["web1"]
	good, secret := s.S3EndpointURL, s.S3SecretKey
	for name, c := range map[string]struct {
		change func()
		say    string
	}{
		"address": {func() { s.S3EndpointURL = "http://127.0.0.1:1" }, "cannot be listed"},
		"keys":    {func() { s.S3SecretKey = keeper.SecretValue("wrong-secret-marker") }, "cannot be listed"},
		"file":    {func() { s.S3SecretKey = keeper.Secret{} }, "cannot be listed"},
	} {
		s.S3EndpointURL, s.S3SecretKey = good, secret
		c.change()
		st := w.pass().Storages[0]
		if got := codes(st); len(got) == 0 || got[0] != "unreachable" || !strings.Contains(st.Reds[0].Sentence, c.say) {
			t.Errorf("%s: %+v", name, st.Reds)
		}
		if strings.Contains(fmt.Sprint(st.Reds), "marker") {
			t.Errorf("%s: a secret is told", name)
		}
	}
}

// A budget that is spent stops the pass in order; the next one goes on with the rest,
// and in the end all is green.
func TestBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	w.advance(time.Hour)
	w.cfg.Storages["web1"].Budget.Requests = 25
	report := w.pass()
	if report.Green() {
		t.Fatalf("%d requests were enough for everything", report.Requests)
	}
	if report.Requests > 60 {
		t.Errorf("%d requests with a budget of 25", report.Requests)
	}
	found := false
	for _, r := range report.Storages[0].Reds {
		found = found || strings.Contains(r.Sentence, "budget")
	}
	if !found {
		t.Errorf("nobody says why: %+v", report.Storages[0].Reds)
	}
	w.cfg.Storages["web1"].Budget.Requests = 60
	for range 8 {
		w.advance(10 * time.Minute)
		report = w.pass()
	}
	green(t, report)
	session, err := w.host("web1").OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if locks, err := session.Locks(t.Context()); err != nil || len(locks) > 0 {
		t.Errorf("locks were left: %v, %v", locks, err)
	}
}

// What the host's keys can do is tried with them.
func TestAccessIsTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	s := w.cfg.Storages["web1"]
	s.HostAccessKey, s.HostSecretKey = keeper.SecretValue(w.Host.AccessKey), keeper.SecretValue(w.Host.SecretKey)
	w.backup("web1")
	w.advance(time.Hour)
	report := w.pass()
	green(t, report)
	if a := task(t, report.Storages[0], keeper.TaskAccess); a.Outcome != keeper.Proved {
		t.Errorf("access %+v", a)
	}
	policy := strings.ReplaceAll(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["ADMIN"]},"Action":["*"],"Resource":["arn:aws:s3:::B","arn:aws:s3:::B/*"]},
		{"Effect":"Allow","Principal":{"AWS":["HOST"]},"Action":["s3:*"],"Resource":["arn:aws:s3:::B","arn:aws:s3:::B/*"]}]}`, "B\"", s.ResticBucket+"\"")
	policy = strings.NewReplacer("ADMIN", w.Admin.ARN(), "HOST", w.Host.ARN(), ":::B/*", ":::"+s.ResticBucket+"/*").Replace(policy)
	if err := w.Client(t, w.Admin).SetBucketPolicy(t.Context(), s.ResticBucket, policy); err != nil {
		t.Fatal(err)
	}
	w.advance(8 * day)
	w.backup("web1")
	w.advance(time.Hour)
	if got := codes(w.pass().Storages[0]); !slices.Contains(got, "policy") || !slices.Contains(got, "access") {
		t.Errorf("red for %v", got)
	}
}

// On a locked bucket, with the keeper's credentials: everything is proved and the locks
// are extended; nothing is asked for that could destroy. An alarm extends the locks of
// what was deleted, too.
func TestLockedBucketWithTheKeepersRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bucket := w.Bucket(t)
	store := s3state.New(w.Client(t, w.Admin), s3state.WithClock(w.clock))
	if _, err := store.Create(t.Context(), bucket, w.Host.Name, s3state.CreateOptions{Lock: &s3state.LockOptions{Days: 9}, Keeper: w.Host2.Name}); err != nil {
		t.Fatal(err)
	}
	w.parse(fmt.Sprintf(`state_dir: %s
storages:
  web1: {s3_endpoint_url: "%s", s3_access_key: %s, s3_secret_key: %s, restic_bucket: %s, restic_password: pw-web1, promise: 9d}
`, filepath.Join(w.dir, "state"), w.URL, w.Host2.AccessKey, w.Host2.SecretKey, bucket))
	session, err := w.host("web1").InitRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	var last *keeper.Status
	for d := range 6 {
		w.write("web1", fmt.Sprintf("new %d.txt", d), prose(d, 5000))
		w.backup("web1")
		w.advance(time.Hour)
		w.ResetRequests(t)
		report := w.pass()
		green(t, report)
		if t.Failed() {
			t.Fatalf("day %d", d)
		}
		last = report.Storages[0]
		for _, r := range w.Requests(t) {
			if r.AccessKey == w.Host2.AccessKey && (r.Method == "DELETE" || r.Method == "POST" || r.Method == "PUT" && !strings.Contains(r.Query, "retention")) {
				t.Errorf("%s %s?%s", r.Method, r.Path, r.Query)
			}
		}
		w.advance(23 * time.Hour)
	}
	renew := task(t, last, keeper.TaskRenew)
	if !last.Locked || renew.Outcome != keeper.Proved || last.Floor.Before(w.clock().Add(7*day)) {
		t.Errorf("locked %t, renew %+v, floor %s, now %s", last.Locked, renew, last.Floor, w.clock())
	}
	for _, name := range []string{"new 0.txt", "new 1.txt", "new 2.txt", "new 3.txt", "new 4.txt"} {
		w.write("web1", name+".crypt", noise(5000))
		if err := os.Remove(w.path("web1", name)); err != nil {
			t.Fatal(err)
		}
	}
	w.backup("web1")
	w.advance(time.Hour)
	last = w.pass().Storages[0]
	if renew = task(t, last, keeper.TaskRenew); !last.Frozen || !strings.Contains(renew.Text, "deleted ones too") {
		t.Errorf("frozen %t, renew %+v", last.Frozen, renew)
	}
}

// A change of a bucket's settings turns a storage red and holds back what removes
// anything, until a person has looked at it; the first look and one that finds nothing
// new do not.
func TestChangedSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	for range 2 {
		w.advance(time.Hour)
		green(t, w.pass())
	}
	const rule = `<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>` +
		`<NoncurrentVersionExpiration><NoncurrentDays>40</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`
	_, err := s3versions.New(w.Client(t, w.Admin)).Call(t.Context(), s3versions.Request{
		Method: http.MethodPut, Bucket: w.cfg.Storages["web1"].ResticBucket, Query: url.Values{"lifecycle": {""}}, Body: []byte(rule),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.advance(time.Hour)
		s := w.pass().Storages[0]
		if len(s.Reds) != 1 || s.Reds[0].Code != "settings" || !s.Frozen || len(s.Marks) != 1 ||
			!strings.Contains(s.Reds[0].Sentence, "NoncurrentDays=40") {
			t.Errorf("reds %+v, marks %+v", s.Reds, s.Marks)
		}
	}
	k := w.keeper()
	if err := k.Acknowledge("web1", "history", "me", ""); err == nil {
		t.Error("the history has no mark")
	}
	if err := k.Acknowledge("web1", "settings", "me", ""); err != nil {
		t.Error(err)
	}
	w.advance(time.Hour)
	green(t, w.pass())
}
