package rwm_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/fixtures"
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// adminManager is a manager with the admin's credentials and no password.
func (w *world) adminManager() *rwm.Manager {
	w.t.Helper()
	m, err := rwm.New(&rwm.Config{S3EndpointURL: w.URL, S3AccessKey: w.Admin.AccessKey, S3SecretKey: w.Admin.SecretKey},
		rwm.WithEvents(w.event))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// A repository of the restic command, in a bucket with object lock but without a
// default retention (older Ceph locks no other one that exists), is adopted while
// restic backs up into it. restic goes on, and what was there is locked.
func TestAdoptRepositoryOfRestic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, bucket := t.Context(), w.config.ResticBucket
	admin := w.Client(t, w.Admin)
	if err := admin.MakeBucket(ctx, bucket, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}
	open := strings.NewReplacer("BUCKET", bucket, "ADMIN", w.Admin.ARN(), "HOST", w.Host.ARN()).Replace(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["ADMIN","HOST"]},"Action":["s3:*"],` +
			`"Resource":["arn:aws:s3:::BUCKET","arn:aws:s3:::BUCKET/*"]}]}`)
	if err := admin.SetBucketPolicy(ctx, bucket, open); err != nil {
		t.Fatal(err)
	}
	cli := resticcli.Current(t)
	repo := resticcli.Repo{URL: "s3:" + w.URL + "/" + bucket, Password: w.config.ResticPassword, AccessKey: w.Host.AccessKey, SecretKey: w.Host.SecretKey}
	cli.MustRun(t, repo, "init")
	cli.MustRun(t, repo, "backup", w.files)

	ends, stopped := make(chan struct{}), make(chan int)
	go func() { // the backups of the host go on
		n := 0
		defer func() { stopped <- n }()
		for {
			select {
			case <-ends:
				return
			default:
			}
			if res := cli.Run(t, repo, "backup", "--force", w.files); res.Code != 0 {
				t.Errorf("a backup meanwhile: %d %s", res.Code, res.Stderr)
				return
			}
			n++
		}
	}()
	m := w.adminManager()
	opts := rwm.AdoptOptions{AdoptOptions: s3state.AdoptOptions{
		Lock: &s3state.LockOptions{Days: 1}, Keeper: w.Host2.Name, Host: w.manager().Storage(),
	}}
	res, err := m.AdoptStorage(ctx, bucket, w.Host.Name, opts)
	close(ends)
	if n := <-stopped; n == 0 {
		t.Error("no backup was made meanwhile")
	}
	if err != nil {
		t.Fatal(err)
	}
	if !res.Check.OK || !res.Access.OK || res.Lock.Days != 1 || len(res.Lock.Problems) > 0 || len(res.LockProof.Refused) != 4 {
		t.Errorf("%+v %+v %+v %+v", res.Check, res.Access, res.Lock, res.LockProof)
	}
	if r := res.Renewed; r == nil || r.Failed > 0 || r.Renewed+r.Young != r.Needed {
		t.Errorf("renewed: %+v", r)
	}
	cli.MustRun(t, repo, "backup", w.files)
	cli.MustRun(t, repo, "forget", "--keep-last", "1", "--prune")
	if got := cli.MustRun(t, repo, "check", "--read-data"); !bytes.Contains(got.Stdout, []byte("no errors were found")) {
		t.Errorf("%s", got.Stdout)
	}
	again, err := m.AdoptStorage(ctx, bucket, w.Host.Name, rwm.AdoptOptions{AdoptOptions: s3state.AdoptOptions{Keeper: w.Host2.Name}})
	if err != nil || len(again.Plan.Steps) > 0 || !again.Check.OK || again.Lock.Days != 1 {
		t.Errorf("the second time: %+v, %v", again, err)
	}
	opts.DryRun = true
	planned, err := m.AdoptStorage(ctx, bucket, w.Host.Name, opts)
	if err != nil || len(planned.Plan.Steps) > 0 || planned.Renewed != nil {
		t.Errorf("with a lock, the second time: %+v, %v", planned, err)
	}
}

// A bucket of the Python RWM gets what the server needs besides its two statements, and
// its saved states stay.
func TestAdoptBucketOfPython(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect(dialect))
			ctx, bucket := t.Context(), w.config.ResticBucket
			admin := w.Client(t, w.Admin)
			if err := admin.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(admin.EnableVersioning(ctx, bucket), admin.SetBucketPolicy(ctx, bucket, fixtures.Policy(bucket, w.Admin.ARN(), w.Host.ARN()))); err != nil {
				t.Fatal(err)
			}
			w.initialised()
			if r, err := w.manager().BackupAll(ctx); err != nil || !r.OK() {
				t.Fatalf("%+v, %v", r, err)
			}
			m := w.adminManager()
			var steps []string
			res, err := m.AdoptStorage(ctx, bucket, w.Host.Name, rwm.AdoptOptions{AdoptOptions: s3state.AdoptOptions{Approve: func(p *s3state.AdoptPlan) error {
				for _, s := range p.Steps {
					steps = append(steps, s.Name)
				}
				return nil
			}}})
			want := "ignore public ACLs"
			if dialect == "rgw" {
				want += ", set the policy"
			}
			if err != nil || !res.Check.OK || strings.Join(steps, ", ") != want || res.Check.VersionsDenied != (dialect == "rgw") {
				t.Errorf("%q %+v, %v", steps, res, err)
			}
			if states, err := m.Storage().States(context.WithoutCancel(ctx), bucket); err != nil || len(states) != 1 {
				t.Errorf("%+v, %v", states, err)
			}
			if r, err := w.manager().BackupAll(ctx); err != nil || !r.OK() {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
