package s3state

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/s3err"
)

// An attacker makes a bucket that looks like our own unfinished restore, and
// waits for the backups.
func TestPlantedTarget(t *testing.T) {
	w := newWorld(t)
	w.put("data/00/x", "precious")
	st := w.save()
	origin := RestoreOrigin{w.bucket, st.Key, st.VersionID}
	for name, planted := range map[string]struct {
		owner *Store
		admin string
	}{
		"a bucket of the host's":          {w.host, w.srv.Admin.ARN()},
		"a mark with another's principal": {w.admin, w.srv.Host2.ARN()},
	} {
		target := w.srv.Bucket(t)
		if err := planted.owner.client.MakeBucket(w.ctx, target, minio.MakeBucketOptions{}); err != nil {
			if external() && s3err.Status(err) == http.StatusForbidden && planted.owner == w.host {
				t.Logf("%s: here a host cannot make one: %v", name, err)
				continue
			}
			t.Fatal(err)
		}
		m := &maker{s: planted.owner, bucket: target}
		if err := m.setPolicy(w.ctx, unfinishedPolicy(target, roles{admin: planted.admin, all: w.all}, origin, "")); err != nil {
			t.Fatal(err)
		}
		_, _, err := w.restore(st, func(o *RestoreOptions) { o.Target = target })
		if !errors.Is(err, ErrTargetExists) {
			t.Errorf("%s: %v", name, err)
		}
		if planted.owner == w.admin {
			continue // its policy keeps the admin out
		}
		if got := contents(t, w.admin, target); len(got) > 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Whom a restore lets in is the admin's word, not the state's.
func TestStateDoesNotChooseTheUser(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	st := w.save()
	admin, host := w.srv.Admin.ARN(), w.srv.Host.ARN()
	full := w.form(bucketPolicy(w.bucket, admin, host))
	closed := w.form(encodePolicy(adminStatement(w.bucket, admin)))
	readOnly := strings.Replace(full, `"s3:PutObject","s3:DeleteObject",`, "", 1)
	forgedFor := func(principal string) *SavedState {
		return w.forge(st, func(m map[string]any) { m["bucket_policy"] = strings.ReplaceAll(full, host, principal) })
	}
	other, root := forgedFor(w.srv.Host2.ARN()), forgedFor(strings.Replace(host, "user/"+w.srv.Host.Name, "root", 1))
	for _, c := range []struct {
		name, policy string
		st           *SavedState
		user         string
		want         error
	}{
		{"another user, policy as expected", full, other, "", ErrBadState},
		{"another user, host shut out", closed, other, "", ErrPolicy},
		{"a whole tenant, host shut out", closed, root, "", ErrPolicy},
		{"another user, host read-only", readOnly, other, "", ErrBadState},
		{"the same user, host shut out", closed, st, "", ErrPolicy},
		{"a whole tenant by name", full, st, root.Key, ErrInvalid},
		{"the same user, host read-only", readOnly, st, "", nil},
		{"host shut out, user given", closed, st, w.srv.Host.Name, nil},
		{"another user, user given", full, other, w.srv.Host.Name, nil},
	} {
		m := &maker{s: w.admin, bucket: w.bucket}
		if err := m.setPolicy(w.ctx, c.policy); err != nil {
			t.Fatal(err)
		}
		if c.user == root.Key {
			c.user = strings.Replace(host, "user/"+w.srv.Host.Name, "root", 1)
		}
		res, target, err := w.restore(c.st, func(o *RestoreOptions) { o.TargetUser = c.user })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", c.name, err, c.want)
		}
		if c.want != nil {
			w.nothingMade(target)
		} else if res.TargetUser != host {
			t.Errorf("%s: target user %s", c.name, res.TargetUser)
		}
	}
}

func TestCheckPolicyWholeAccount(t *testing.T) {
	for _, who := range []string{"arn:aws:iam::acme:root", "123456789012", "arn:aws:iam::acme:group/g"} {
		f := &bucketConfig{acl: ACL{Owner: Owner{ID: "acme$admin"}}, versioning: "Enabled", policy: []byte(bucketPolicy("b", userARN("acme", "admin"), who))}
		if c := checkPolicy("b", f); c.OK {
			t.Errorf("%s: %+v", who, c)
		}
	}
}

func TestCheckPolicyGrantees(t *testing.T) {
	owner := Owner{ID: "acme$admin"}
	for _, c := range []struct {
		to Grantee
		ok bool
	}{
		{Grantee{ID: "acme$admin"}, true},
		{Grantee{ID: "acme$host"}, false},
		{Grantee{URI: "http://acs.amazonaws.com/groups/global/AllUsers"}, false},
		{Grantee{}, false},
	} {
		f := &bucketConfig{acl: ACL{Owner: owner, Grants: []Grant{{c.to, "FULL_CONTROL"}}}, versioning: "Enabled",
			policy: []byte(bucketPolicy("b", userARN("acme", "admin"), userARN("acme", "host")))}
		if got := checkPolicy("b", f); got.OK != c.ok {
			t.Errorf("%+v: %+v", c.to, got)
		}
	}
}
