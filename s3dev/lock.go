package s3dev

import (
	"encoding/xml"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3err"
)

// Object lock is done here and not by the front end, which judges it by the
// real time and lets a legal hold lapse with the retention.

const (
	lockModeHeader  = "X-Amz-Object-Lock-Mode"
	lockUntilHeader = "X-Amz-Object-Lock-Retain-Until-Date"
	lockHoldHeader  = "X-Amz-Object-Lock-Legal-Hold"
	bypassHeader    = "X-Amz-Bypass-Governance-Retention"

	modeGovernance = types.ObjectLockRetentionModeGovernance
	modeCompliance = types.ObjectLockRetentionModeCompliance
)

// bucketLock is a bucket's object lock; nil means that it has none.
type bucketLock struct {
	mode        types.ObjectLockRetentionMode // "" without a default retention
	days, years int
}

// retention is a version's own retention.
type retention struct {
	mode  types.ObjectLockRetentionMode
	until time.Time
}

// lockRequest is the lock a request asks for, by headers or in its body.
type lockRequest struct {
	mode  types.ObjectLockRetentionMode
	until time.Time
	hold  types.ObjectLockLegalHoldStatus
	err   error // what was asked for is invalid
}

type retentionXML struct {
	XMLName         xml.Name `xml:"Retention"`
	Namespace       string   `xml:"xmlns,attr,omitempty"`
	Mode            types.ObjectLockRetentionMode
	RetainUntilDate string
}

type holdXML struct {
	XMLName   xml.Name `xml:"LegalHold"`
	Namespace string   `xml:"xmlns,attr,omitempty"`
	Status    types.ObjectLockLegalHoldStatus
}

// take reads the lock headers of a write and hides them from the front end.
func (l *lockRequest) take(c fiber.Ctx, now time.Time) {
	*l = parseLock(c.Get(lockModeHeader), c.Get(lockUntilHeader), c.Get(lockHoldHeader), now)
	if m := c.Method(); m == fiber.MethodPut || m == fiber.MethodPost {
		for _, name := range []string{lockModeHeader, lockUntilHeader, lockHoldHeader} {
			c.Request().Header.Del(name)
		}
	}
}

func parseLock(mode, until, hold string, now time.Time) (l lockRequest) {
	invalid := func(text string) { l.err = s3Error(400, "InvalidArgument", text) }
	switch m := types.ObjectLockRetentionMode(strings.Clone(mode)); m {
	case "", modeGovernance, modeCompliance:
		l.mode = m
	default:
		invalid("Unknown wormMode directive.")
	}
	switch h := types.ObjectLockLegalHoldStatus(strings.Clone(hold)); h {
	case "", types.ObjectLockLegalHoldStatusOn, types.ObjectLockLegalHoldStatusOff:
		l.hold = h
	default:
		invalid("Unknown legal hold status.")
	}
	if (mode == "") != (until == "") {
		invalid("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	if until != "" {
		t, err := time.Parse(time.RFC3339Nano, until)
		switch {
		case err != nil:
			invalid("The retain until date must be provided in ISO 8601 format")
		case !t.After(now):
			invalid("The retain until date must be in the future!")
		}
		l.until = t.UTC()
	}
	return l
}

// lockAsked is the lock the request wants to set, wherever it says so.
func (q *caller) lockAsked() (lockRequest, error) {
	switch {
	case q.key != "" && q.has("retention"):
		var in retentionXML
		if err := unmarshalXML(q.c.Request().Body(), &in); err != nil {
			return lockRequest{}, err
		}
		if in.Mode == "" && in.RetainUntilDate == "" {
			return lockRequest{}, nil // takes the retention away
		}
		if in.Mode != modeGovernance && in.Mode != modeCompliance {
			return lockRequest{}, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		l := parseLock(string(in.Mode), in.RetainUntilDate, "", q.now)
		return l, l.err
	case q.key != "" && q.has("legal-hold"):
		var in holdXML
		if err := unmarshalXML(q.c.Request().Body(), &in); err != nil {
			return lockRequest{}, err
		}
		if in.Status != types.ObjectLockLegalHoldStatusOn && in.Status != types.ObjectLockLegalHoldStatusOff {
			return lockRequest{}, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		return lockRequest{hold: in.Status}, nil
	}
	l := parseLock(q.c.Get(lockModeHeader), q.c.Get(lockUntilHeader), q.c.Get(lockHoldHeader), q.now)
	return l, l.err
}

// bypass reports whether the request asks to override GOVERNANCE.
func (q *caller) bypass() bool { return strings.EqualFold(q.c.Get(bypassHeader), "true") }

// mayBypass reports whether it also may: by right, or on some servers because
// nothing forbids it.
func (m *memory) mayBypass(q *caller, key, versionID string) bool {
	if q == nil || !q.bypass() {
		return false
	}
	const action = "s3:BypassGovernanceRetention"
	if m.traits.BypassByDelete && q.method != fiber.MethodPut {
		b, err := m.bucket(q.bucket)
		return err == nil && m.decide(q, b, key, versionID, action) != deny
	}
	return m.may(q, q.bucket, key, versionID, action) == nil
}

// retained is the version's retention if it is still in force.
func (v *version) retained(now time.Time) *retention {
	if v.ext == nil || v.ext.retention == nil || !v.ext.retention.until.After(now) {
		return nil
	}
	return v.ext.retention
}

// held reports whether a legal hold is on.
func (v *version) held() bool { return v.ext != nil && v.ext.legalHold != nil && *v.ext.legalHold }

var errLocked = s3Error(403, "AccessDenied", "Access Denied because object protected by object lock.")

var errNoLock = s3Error(404, "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")

// removable refuses to delete a version that is locked.
func (v *version) removable(now time.Time, bypass bool) error {
	if r := v.retained(now); v.held() || r != nil && (r.mode == modeCompliance || !bypass) {
		return errLocked
	}
	return nil
}

// lockFor is the retention and hold a new version starts with.
func (m *memory) lockFor(b *bucket, v *version, l lockRequest, now time.Time) error {
	if l.err != nil {
		return l.err
	}
	if b.lock == nil {
		if l.mode != "" || l.hold != "" {
			return s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
		}
		return nil
	}
	if l.mode != "" {
		v.extend().retention = &retention{l.mode, m.kept(l.until)}
	} else if b.lock.mode != "" {
		v.extend().retention = &retention{b.lock.mode, m.kept(now.AddDate(b.lock.years, 0, b.lock.days))}
	}
	if l.hold != "" {
		on := l.hold == types.ObjectLockLegalHoldStatusOn
		v.extend().legalHold = &on
	}
	return nil
}

// kept is the end of a lock as the server stores it.
func (m *memory) kept(until time.Time) time.Time {
	if !m.traits.LockUntil2106 {
		return until
	}
	return time.Unix(int64(uint32(until.Unix())), int64(until.Nanosecond())).UTC()
}

// lockable finds the version whose lock a request is about.
func (m *memory) lockable(b *bucket, q *caller) (*version, error) {
	if b.lock == nil {
		return nil, s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
	}
	v, err := b.find(q.key, q.versionID)
	switch {
	case v == nil:
		return nil, err
	case v.marker && (!m.traits.MarkerRetention || q.versionID == ""):
		return nil, s3err.GetMethodNotAllowedErr(q.method, s3err.ResourceTypeObject, []string{"DELETE"})
	case v.bodiless:
		return nil, s3err.GetAPIError(s3err.ErrNotImplemented)
	}
	return v, nil
}

// retention serves GET and PUT of a version's retention.
func (m *memory) retention(q *caller) error {
	if q.method == fiber.MethodGet {
		out, err := read(m, q.bucket, func(b *bucket) (*retentionXML, error) {
			v, err := m.lockable(b, q)
			if err != nil {
				return nil, err
			}
			if v.ext == nil || v.ext.retention == nil {
				return nil, errNoLock
			}
			r := v.ext.retention
			return &retentionXML{Namespace: s3Namespace, Mode: r.mode, RetainUntilDate: r.until.Format(lockTime)}, nil
		})
		if err != nil {
			return err
		}
		return q.sendXML(out)
	}
	want, err := q.lockAsked()
	if err != nil {
		return err
	}
	bypass := m.mayBypass(q, q.key, q.versionID)
	return m.changeAndAnswer(q, fiber.StatusOK, func(b *bucket) error {
		v, err := m.lockable(b, q)
		if err != nil {
			return err
		}
		if r := v.retained(q.now); r != nil {
			extends := want.mode == r.mode && !want.until.Before(r.until)
			// On Ceph GOVERNANCE may be made COMPLIANCE for as long or longer.
			strengthens := m.traits.Ceph && r.mode == modeGovernance && want.mode == modeCompliance && !want.until.Before(r.until)
			if !extends && (r.mode == modeCompliance || !strengthens && !bypass) {
				return errLocked
			}
		}
		x := v.extend()
		x.retention = nil
		if want.mode != "" {
			x.retention = &retention{want.mode, m.kept(want.until)}
		}
		return nil
	})
}

// legalHold serves GET and PUT of a version's legal hold.
func (m *memory) legalHold(q *caller) error {
	if q.method == fiber.MethodGet {
		out, err := read(m, q.bucket, func(b *bucket) (*holdXML, error) {
			v, err := m.lockable(b, q)
			if err != nil {
				return nil, err
			}
			if v.ext == nil || v.ext.legalHold == nil {
				return nil, errNoLock
			}
			return &holdXML{Namespace: s3Namespace, Status: holdStatus(*v.ext.legalHold)}, nil
		})
		if err != nil {
			return err
		}
		return q.sendXML(out)
	}
	want, err := q.lockAsked()
	if err != nil {
		return err
	}
	return m.changeAndAnswer(q, fiber.StatusOK, func(b *bucket) error {
		v, err := m.lockable(b, q)
		if err != nil {
			return err
		}
		on := want.hold == types.ObjectLockLegalHoldStatusOn
		v.extend().legalHold = &on
		return nil
	})
}

func holdStatus(on bool) types.ObjectLockLegalHoldStatus {
	if on {
		return types.ObjectLockLegalHoldStatusOn
	}
	return types.ObjectLockLegalHoldStatusOff
}

// lockTime keeps the fraction of a retention, without which a version could
// be gone while its retention is read as in force.
const lockTime = "2006-01-02T15:04:05.999999999Z07:00"

func (v *version) extend() *extras {
	if v.ext == nil {
		v.ext = &extras{}
	}
	return v.ext
}
