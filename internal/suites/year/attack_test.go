package year

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3versions"
)

type counter = atomic.Int64

const never = math.MaxInt64

func (f *failing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && f.after.Load() < never && f.after.Add(-1) < 0 {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errors.New("the keeper's network failed")
	}
	return f.rt.RoundTrip(r)
}

// attack does one thing with a role's keys. The server may refuse it.
func (s *schedule) attack(ctx context.Context, as role) {
	some := func() *version {
		i := s.rnd.IntN(max(len(s.versions), 1))
		for _, key := range sortedKeys(s.versions) {
			if i--; i < 0 {
				return s.versions[key]
			}
		}
		return nil
	}
	v := some()
	if v == nil {
		return
	}
	until := s.now().Add(time.Duration(1+s.rnd.IntN(3)) * day)
	actions := []struct {
		least role
		what  string
		do    func() error
	}{
		{host, "delete " + v.key, func() error { return s.del(ctx, as, v.key) }},
		{host, "overwrite " + v.key, func() error {
			return s.putBody(ctx, as, v.key, "rubbish of an attacker, for a while", minio.PutObjectOptions{})
		}},
		{host, "delete everything", func() error {
			for _, key := range sortedKeys(s.current) {
				if err := s.del(ctx, as, key); err != nil {
					return err
				}
			}
			return nil
		}},
		{host, "overwrite with a short lock " + v.key, func() error {
			return s.putBody(ctx, as, v.key, "rubbish with a lock of its own", minio.PutObjectOptions{Mode: minio.Governance, RetainUntilDate: until.Truncate(time.Second)})
		}},
		{host, "remove version of " + v.key, func() error { return s.remove(ctx, as, v, false) }},
		{host, "remove all versions", func() error { return s.removeAll(ctx, as) }},
		{host, "shorten the lock of " + v.key, func() error { return s.relock(ctx, as, v, "COMPLIANCE", until) }},
		{host, "weaken the lock of " + v.key, func() error { return s.relock(ctx, as, v, "GOVERNANCE", v.locked) }},
		{keeper, "lengthen the lock of " + v.key, func() error { return s.relock(ctx, as, v, "COMPLIANCE", s.now().Add(3000*day)) }},
		{keeper, "forge the record of renewals", func() error { return s.forgeLedger() }},
		{host, "shorten the default", func() error {
			length := []int{1, s.n + s.g}[s.rnd.IntN(2)] // as long as it was, only weaker
			err := s.set(ctx, as, "object-lock", fmt.Appendf(nil, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>%d</Days></DefaultRetention></Rule></ObjectLockConfiguration>`, length))
			if err == nil {
				s.retain = 0 // what GOVERNANCE locks, an admin removes
			}
			return err
		}},
		{host, "take the default away", func() error {
			err := s.set(ctx, as, "object-lock", []byte(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`))
			if err == nil {
				s.retain = 0
			}
			return err
		}},
		{host, "have lifecycle remove everything", func() error {
			return s.set(ctx, as, "lifecycle", []byte(`<LifecycleConfiguration><Rule><ID>x</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`))
		}},
		{host, "suspend versioning", func() error {
			return s.set(ctx, as, "versioning", []byte(`<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`))
		}},
		{host, "let the host do everything", func() error {
			return s.set(ctx, as, "policy", bytes.Replace(s.settings["policy"], []byte(`"s3:ListBucket"`), []byte(`"s3:*"`), 1))
		}},
		{host, "remove the bucket", func() error { return s.clients[as].RemoveBucket(ctx, s.bucket) }},
	}
	a := actions[s.rnd.IntN(len(actions))]
	if as < a.least {
		return
	}
	err := a.do()
	s.note("the attacker with the %s's keys: %s: %v", as, a.what, short(err))
}

func short(err error) string {
	if err == nil {
		return "done"
	}
	if code := minio.ToErrorResponse(err).Code; code != "" {
		return code
	}
	return err.Error()
}

func (s *schedule) remove(ctx context.Context, as role, v *version, bypass bool) error {
	return s.clients[as].RemoveObject(ctx, s.bucket, v.key, minio.RemoveObjectOptions{VersionID: v.id, GovernanceBypass: bypass})
}

// removeAll tries every version and marker there is, with a bypass.
func (s *schedule) removeAll(ctx context.Context, as role) error {
	var first error
	for v, err := range s.stores[as].Versions(ctx, s.bucket, "") {
		if err != nil {
			return err
		}
		err := s.clients[as].RemoveObject(ctx, s.bucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID, GovernanceBypass: as == admin})
		if first == nil {
			first = err
		}
	}
	return first
}

func (s *schedule) relock(ctx context.Context, as role, v *version, mode string, until time.Time) error {
	_, err := s.stores[as].Client().Call(ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: s.bucket, Key: v.key, Query: url.Values{"retention": {""}, "versionId": {v.id}},
		Header: http.Header{"X-Amz-Bypass-Governance-Retention": {"true"}},
		Body:   []byte("<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until.UTC().Format("2006-01-02T15:04:05Z") + "</RetainUntilDate></Retention>"),
	})
	return err
}

func (s *schedule) set(ctx context.Context, as role, what string, body []byte) error {
	_, err := s.stores[as].Client().Call(ctx, s3versions.Request{Method: http.MethodPut, Bucket: s.bucket, Query: url.Values{what: {""}}, Body: body})
	return err
}

// forgeLedger has the record say that everything is locked for ever.
func (s *schedule) forgeLedger() error {
	text, err := os.ReadFile(s.ledger)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if id, _, ok := strings.Cut(line, " "); ok {
			lines[i] = id + " 9999999999"
		}
	}
	return os.WriteFile(s.ledger, []byte(strings.Join(lines, "\n")), 0o600)
}

var settingNames = []string{"versioning", "policy", "lifecycle", "object-lock"}

func (s *schedule) readSettings(ctx context.Context) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, what := range settingNames {
		data, err := s.stores[admin].Client().Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: s.bucket, Query: url.Values{what: {""}}})
		if err != nil {
			return nil, err
		}
		all[what] = data
	}
	return all, nil
}

// repair is what the admin does after an attack: the settings are put back, then the
// repository, from the versions of what the host wrote.
func (s *schedule) repair(ctx context.Context) error {
	for _, what := range settingNames {
		if err := s.set(ctx, admin, what, s.settings[what]); err != nil && what != "versioning" {
			return err
		}
	}
	s.retain = s.n + s.g
	s.note("the admin puts the settings back")
	return nil
}
