package s3state

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// Errors of object lock, for errors.Is.
var (
	// ErrNotLocked: the bucket has no object lock, or none with a default retention.
	ErrNotLocked = errors.New("the bucket is not locked")
	// ErrNoLock: the server cannot lock this bucket.
	ErrNoLock = errors.New("the server cannot lock the bucket")
	// ErrLockFails: the server says that it locks, but what is locked can be removed,
	// or its lock be shortened.
	ErrLockFails = errors.New("the server's object lock does not hold")
)

// LockMode is a mode of object lock.
type LockMode string

const (
	// Compliance: nobody can remove or shorten the lock of a version, the admin
	// included.
	Compliance LockMode = "COMPLIANCE"
	// Governance can be bypassed by those with the right to do so. It is for trials:
	// the policy denies the bypass, but the admin can change the policy.
	Governance LockMode = "GOVERNANCE"
)

// Day is the unit of object lock and lifecycle periods.
const Day = 24 * time.Hour

// LockOptions configures the lock of a bucket.
type LockOptions struct {
	// Days is N of the promise: whatever is in the bucket at any moment can be restored
	// for N more days.
	Days int
	// GraceDays is how much longer than Days a version is locked when it is written or
	// renewed; half of it is the time within which the locks must be renewed. 0 stands
	// for a third of Days, at least 2.
	GraceDays int
	Mode      LockMode // "" for Compliance
}

// maxLockDays is what AWS takes as a default retention.
const maxLockDays = 36500

// defaultGrace is the default grace of a lock of the given days.
func defaultGrace(days int) int { return max(days/3, 2) }

func (o LockOptions) filled() (LockOptions, error) {
	if o.Mode == "" {
		o.Mode = Compliance
	}
	if o.GraceDays == 0 {
		o.GraceDays = defaultGrace(o.Days)
	}
	switch {
	case o.Mode != Compliance && o.Mode != Governance:
		return o, fmt.Errorf("%w: lock mode %q is neither %s nor %s", ErrInvalid, s3err.Clip(string(o.Mode)), Compliance, Governance)
	case o.Days < 1:
		return o, fmt.Errorf("%w: a lock of %d days; give one day at least", ErrInvalid, o.Days)
	case o.GraceDays < 2:
		return o, fmt.Errorf("%w: a grace of %s; give two days at least", ErrInvalid, plural.Of(o.GraceDays, "day"))
	case o.Days > maxLockDays-o.GraceDays:
		return o, fmt.Errorf("%w: a lock of %s and %d of grace; S3 takes %d in all", ErrInvalid, plural.Of(o.Days, "day"), o.GraceDays, maxLockDays)
	}
	return o, nil
}

// retainDays is N+G.
func (o LockOptions) retainDays() int { return o.Days + o.GraceDays }

// Lock describes how a bucket is locked.
type Lock struct {
	// Enabled says that the bucket has object lock. Without it the rest, but Lifecycle,
	// is zero.
	Enabled bool     `json:"enabled"`
	Mode    LockMode `json:"mode,omitempty"` // of the default retention; "" without one
	// Days is N, the promise: after that many days lifecycle removes what is no longer
	// current. RetainDays is N+G, how long a new version is locked.
	Days       int `json:"days,omitempty"`
	RetainDays int `json:"retain_days,omitempty"`
	// Lifecycle are the rules that remove something.
	Lifecycle []LifecycleRule `json:"lifecycle,omitempty"`
	// Problems are the reasons why the lock does not keep its promise; empty if it
	// does.
	Problems []string `json:"problems,omitempty"`

	// beyond says that the default retention is longer than S3 takes: some servers take
	// any number, and compute with it as it comes. RetainDays is then the most.
	beyond bool
}

// Promise returns N as a duration, 0 without a promise.
func (l *Lock) Promise() time.Duration { return time.Duration(l.Days) * Day }

// Retention returns N+G as a duration.
func (l *Lock) Retention() time.Duration { return time.Duration(l.RetainDays) * Day }

// Lock reads how a bucket is locked. It needs the rights to read the bucket's object
// lock configuration and its lifecycle, which the admin and the keeper have.
func (s *Store) Lock(ctx context.Context, bucket string) (*Lock, error) {
	s = s.made()
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, err
	}
	l := &Lock{}
	err := s.readDefaultRetention(ctx, bucket, l)
	if err != nil {
		return nil, err
	}
	if l.Lifecycle, err = s.Lifecycle(ctx, bucket); err != nil {
		return nil, err
	}
	l.judge()
	return l, nil
}

func (s *Store) readDefaultRetention(ctx context.Context, bucket string, l *Lock) error {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"object-lock": {""}}})
	if s3err.Code(err) == "ObjectLockConfigurationNotFoundError" || noSuchFeature(err) {
		return nil
	}
	if err != nil {
		return s3err.Wrap(err, "read the object lock of bucket %s", bucket)
	}
	var doc lockXML
	if err := xml.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("read the object lock of bucket %s: %w", bucket, err)
	}
	l.Enabled = doc.ObjectLockEnabled == "Enabled"
	if l.Enabled && doc.Rule != nil {
		d := doc.Rule.DefaultRetention
		l.Mode = LockMode(s3err.Clip(string(d.Mode)))
		if l.beyond = d.Days < 0 || d.Years < 0 || d.Days > maxLockDays || d.Years > maxLockDays/365; l.beyond {
			l.RetainDays = maxLockDays
		} else {
			l.RetainDays = d.Days + d.Years*365
		}
	}
	return nil
}

// neverRemoved is the problem of a bucket whose old versions stay for ever.
const neverRemoved = "old versions are never removed: there is no lifecycle rule for them"

// judge finds N and what is wrong.
func (l *Lock) judge() {
	if !l.Enabled {
		return
	}
	problem := func(format string, args ...any) { l.Problems = append(l.Problems, fmt.Sprintf(format, args...)) }
	for i := range l.Lifecycle {
		r := &l.Lifecycle[i]
		if r.ExpireDays > 0 || !r.ExpireDate.IsZero() {
			problem("lifecycle deletes current objects (rule %q)", s3err.Clip(r.ID))
		}
		if r.Other != "" {
			problem("lifecycle has %s (rule %q), and RWM does not know what that removes", r.Other, s3err.Clip(r.ID))
		}
		if r.NoncurrentDays > 0 && (l.Days == 0 || r.NoncurrentDays < l.Days) {
			l.Days = r.NoncurrentDays
		}
	}
	if l.beyond {
		problem("the default retention is longer than the %d days that S3 takes, and nobody knows what the server makes of it; set it with storage-lock", maxLockDays)
	}
	switch {
	case l.RetainDays == 0:
		problem("new versions are not locked: the bucket has no default retention")
		l.Days = 0
	case l.Days == 0 && l.beyond: // it says nothing about N
	case l.Days == 0:
		// Of N+G with the default grace, this is N.
		l.Days = max(min(l.RetainDays*3/4, l.RetainDays-2), 0)
		problem(neverRemoved)
	case l.RetainDays-l.Days < 2:
		problem("new versions are locked for %s, which must be two more at least than the %s after which lifecycle removes old ones", plural.Of(l.RetainDays, "day"), plural.Of(l.Days, "day"))
		l.Days = max(l.RetainDays-2, 0)
	}
	if l.Mode != Compliance && l.Mode != "" {
		problem("the lock's mode is %s, which those with the right to it can bypass", l.Mode)
	}
}

type lockXML struct {
	XMLName           xml.Name `xml:"ObjectLockConfiguration"`
	Namespace         string   `xml:"xmlns,attr,omitempty"`
	ObjectLockEnabled string
	Rule              *lockRuleXML
}

type lockRuleXML struct {
	DefaultRetention struct {
		Mode  LockMode
		Days  int `xml:",omitempty"`
		Years int `xml:",omitempty"`
	}
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// putDefaultRetention sets how long new versions are locked; days of 0 only turns
// object lock on. It reads back what the server has made of it.
func (s *Store) putDefaultRetention(ctx context.Context, bucket string, mode LockMode, days int) error {
	doc := lockXML{Namespace: s3Namespace, ObjectLockEnabled: "Enabled"}
	if days > 0 {
		doc.Rule = &lockRuleXML{}
		doc.Rule.DefaultRetention.Mode, doc.Rule.DefaultRetention.Days = mode, days
	}
	body, err := xml.Marshal(doc)
	if err != nil {
		return err
	}
	if err = s.putSetting(ctx, bucket, "object-lock", body); err != nil {
		return s3err.Wrap(err, "set the object lock of bucket %s", bucket)
	}
	var l Lock
	if err := s.readDefaultRetention(ctx, bucket, &l); err != nil {
		return err
	}
	if !l.Enabled || l.RetainDays != days || days > 0 && l.Mode != mode {
		return fmt.Errorf("%w: asked for a default retention of %s (%s), it has %s (%s)", ErrLockFails, plural.Of(days, "day"), mode, plural.Of(l.RetainDays, "day"), l.Mode)
	}
	return nil
}
