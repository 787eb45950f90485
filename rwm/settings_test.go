package rwm_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3versions"
)

// set changes a setting of the bucket past RWM, with the admin's keys.
func (w *world) set(query, body string) {
	w.t.Helper()
	_, err := s3versions.New(w.Client(w.t, w.Admin)).Call(w.t.Context(), s3versions.Request{
		Method: http.MethodPut, Bucket: w.config.ResticBucket, Query: url.Values{query: {""}}, Body: []byte(body),
	})
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// reviewing is the admin's manager, on a machine that keeps what was reviewed there.
func (w *world) reviewing(file string) *rwm.Manager {
	w.t.Helper()
	config := *w.config
	config.S3AccessKey, config.S3SecretKey = w.Admin.AccessKey, w.Admin.SecretKey
	m, err := rwm.New(&config, rwm.WithReviews(filepath.Join(w.dir, file)))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// sameSecond compares times as servers list them whose times are whole seconds: a good
// moment then is the end of its second.
func sameSecond(a, b time.Time) bool { return a.Truncate(time.Second).Equal(b.Truncate(time.Second)) }

// changed are the settings whose changes count.
func changed(h *s3state.History) (names []string) {
	for _, s := range h.Suspicions {
		names = append(names, s.Setting)
	}
	return names
}

const (
	hidden    = `<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>90</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`
	reordered = `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
 <Rule><Filter><Prefix></Prefix></Filter> <Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>90</NoncurrentDays></NoncurrentVersionExpiration><ID>a</ID></Rule></LifecycleConfiguration>`
	shortened = `<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`
)

// A change of a bucket's settings is a mark of its own until a person has looked at it.
// It ends no good time. The first look, another way of writing the same, and another
// machine raise none.
func TestHistoryWatchesSettings(t *testing.T) {
	w := newWorld(t).policed()
	w.run()
	m := w.reviewing("reviews.json")
	w.set("lifecycle", hidden)
	w.newest(w.history(m)) // the first look
	w.set("lifecycle", reordered)
	w.newest(w.history(m))

	changes := map[string]func(){
		"lifecycle": func() { w.set("lifecycle", shortened) },
		"default encryption": func() {
			w.set("encryption", `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>theirs</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`)
		},
		"replication": func() {
			w.set("replication", `<ReplicationConfiguration><Role>r</Role><Rule><ID>1</ID><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::theirs</Bucket></Destination></Rule></ReplicationConfiguration>`)
		},
		"notifications": func() {
			w.set("notification", `<NotificationConfiguration><TopicConfiguration><Topic>arn:aws:sns:us-east-1:1:theirs</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration></NotificationConfiguration>`)
		},
		"policy": func() { w.set("policy", w.widerPolicy()) },
	}
	if os.Getenv("RWM_TEST_S3") != "" {
		// Ceph takes these only with a KMS, a second zone and topics that exist.
		for _, name := range []string{"default encryption", "replication", "notifications"} {
			delete(changes, name)
		}
	}
	for name, change := range changes {
		since := time.Now()
		change()
		for range 2 { // it stays until it was looked at
			h := w.history(m)
			if names := changed(h); !slices.Equal(names, []string{name}) || h.Total != 1 {
				t.Fatalf("%s: %v", name, h.Suspicions)
			}
			if h.Proof.Verdict != s3state.Proved || !sameSecond(h.LastGood, h.Steps[len(h.Steps)-1].To) {
				t.Errorf("%s ends the good time: %+v", name, h.Proof)
			}
		}
		if err := m.SetReviewed(w.config.ResticBucket, since); err != nil {
			t.Fatal(err)
		}
		h := w.history(m)
		if h.Total != 1 || !strings.Contains(h.Suspicions[0].Reason, "added: ") {
			t.Errorf("%s: reviewed before it was found: %v", name, h.Suspicions)
		}
		if err := m.SetReviewed(w.config.ResticBucket, h.Suspicions[0].Time); err != nil {
			t.Fatal(err)
		}
		if h = w.history(m); h.Total != 0 || !slices.ContainsFunc(h.Notes, func(s s3state.Suspicion) bool { return s.Setting == name && s.Standing == s3state.Reviewed }) {
			t.Errorf("%s: reviewed: %v, %v", name, h.Suspicions, h.Notes)
		}
	}
	w.newest(w.history(w.reviewing("elsewhere.json")))
	if h := w.history(w.admin()); h.Total != 0 {
		t.Errorf("nothing is kept, but %v", h.Suspicions)
	}
}

// widerPolicy is the bucket's with one more right for the host.
func (w *world) widerPolicy() string {
	w.t.Helper()
	text, err := w.Client(w.t, w.Admin).GetBucketPolicy(w.t.Context(), w.config.ResticBucket)
	wider := strings.Replace(text, `"s3:PutObject"`, `"s3:PutObject","s3:PutBucketTagging"`, 1)
	if err != nil || wider == text {
		w.t.Fatalf("%v %s", err, text)
	}
	return wider
}

// What the admin changes through RWM is no mark; what another changed before is
// one all the same.
func TestOwnChangesOfSettings(t *testing.T) {
	w := newWorld(t)
	m := w.reviewing("reviews.json")
	create := s3state.CreateOptions{Lock: &s3state.LockOptions{Days: 30}}
	if _, err := m.Storage().Create(t.Context(), w.config.ResticBucket, w.Host.Name, create); err != nil {
		t.Fatal(err)
	}
	w.initialised()
	w.run()
	w.newest(w.history(m))
	for name, own := range map[string]func() error{
		"seal": func() error {
			_, err := m.SealStorage(t.Context(), w.config.ResticBucket, s3state.SealOptions{})
			return err
		},
		"lock longer": func() error {
			_, err := m.Storage().LockBucket(t.Context(), w.config.ResticBucket, s3state.LockBucketOptions{Lock: s3state.LockOptions{Days: 60}})
			return err
		},
	} {
		if err := own(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if h := w.history(m); h.Total != 0 {
			t.Errorf("%s: %v", name, h.Suspicions)
		}
	}
	// Unsealing on another machine ends by itself.
	if _, err := w.admin().UnsealStorage(t.Context(), w.config.ResticBucket, s3state.UnsealOptions{For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if h := w.history(m); h.Total != 0 {
		t.Errorf("unsealed elsewhere: %v", h.Suspicions)
	}
	lock := func() error {
		_, err := m.Storage().LockBucket(t.Context(), w.config.ResticBucket, s3state.LockBucketOptions{Lock: s3state.LockOptions{Days: 90}})
		return err
	}
	w.set("lifecycle", shortened)
	if err := lock(); !errors.Is(err, s3state.ErrInvalid) {
		t.Errorf("another's rule that breaks the promise: %v", err)
	}
	w.set("lifecycle", strings.Replace(shortened, "<ID>a</ID>", "<ID>rwm</ID>", 1)) // RWM's own rule
	if err := lock(); err != nil {
		t.Fatal(err)
	}
	if h := w.history(m); !slices.Equal(changed(h), []string{"lifecycle"}) {
		t.Errorf("what RWM has overwritten since: %v", h.Suspicions)
	}
}
