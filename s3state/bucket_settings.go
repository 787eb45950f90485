package s3state

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// Settings are what a bucket does by itself, and the unfinished uploads in it, which
// are no objects. In a policed bucket the host can change no setting, but each of them
// affects what is safe.
type Settings struct {
	Lifecycle []LifecycleForecast `json:"lifecycle,omitempty"`
	// Lock is how the bucket is locked; nil without object lock.
	Lock *Lock `json:"lock,omitempty"`
	// Encryption is the bucket's default, such as "AES256" or "aws:kms KEY"; "" for
	// none.
	Encryption string `json:"encryption,omitempty"`
	// Replication lists the buckets to which the server copies new versions.
	Replication []string `json:"replication,omitempty"`
	// Notifications counts the targets that are notified of changes.
	Notifications int `json:"notifications,omitempty"`
	// Uploads counts multipart uploads that were never completed, which take space and
	// appear in no listing of objects; UploadBytes is the size of the parts of the
	// first 100, and FirstUpload the time when the oldest was begun. At most 1000 are
	// counted.
	Uploads     int       `json:"uploads,omitempty"`
	UploadBytes int64     `json:"upload_bytes,omitempty"`
	FirstUpload time.Time `json:"first_upload,omitzero"`
	// Unknown are the settings that the caller may not read.
	Unknown []string `json:"unknown,omitempty"`
	// Problems names the settings that defeat the protection of the bucket.
	Problems []string `json:"problems,omitempty"`
}

// LifecycleForecast is a lifecycle rule and what it will remove from the bucket.
type LifecycleForecast struct {
	LifecycleRule
	Versions int64     `json:"versions"` // that the rule will remove, or hide if they are current
	Bytes    int64     `json:"bytes"`
	First    time.Time `json:"first,omitzero"` // when the first is due; locks may delay it
}

// Settings reads the settings of a bucket in about five requests. What the caller may
// not read (a host may read few of them) is listed in Unknown. The forecasts of the
// lifecycle rules are made only by Info, which lists the bucket anyway.
func (s *Store) Settings(ctx context.Context, bucket string) (*Settings, error) {
	s = s.made()
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, err
	}
	set := &Settings{}
	lock := &Lock{}
	for _, part := range []struct {
		name string
		read func() error
	}{
		{"object lock", func() error { return s.readDefaultRetention(ctx, bucket, lock) }},
		{"lifecycle", func() error {
			rules, err := s.Lifecycle(ctx, bucket)
			for _, r := range rules {
				set.Lifecycle = append(set.Lifecycle, LifecycleForecast{LifecycleRule: r})
			}
			lock.Lifecycle = rules
			return err
		}},
		{"default encryption", func() error { return s.readEncryption(ctx, bucket, set) }},
		{"replication", func() error { return s.readReplication(ctx, bucket, set) }},
		{"notifications", func() error { return s.readNotifications(ctx, bucket, set) }},
		{"unfinished uploads", func() error { return s.countUploads(ctx, bucket, set) }},
	} {
		err := part.read()
		switch {
		case err == nil:
		case s3err.Status(err) == http.StatusForbidden && !errors.Is(s3err.Classify(err), ErrCredentials):
			set.Unknown = append(set.Unknown, part.name)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		default:
			return nil, fmt.Errorf("read the settings of bucket %s: %s: %w", bucket, part.name, err)
		}
	}
	if lock.Enabled {
		lock.judge()
		set.Lock = lock
	}
	set.judge()
	return set, nil
}

// fewestDays is how long, at least, a lifecycle rule must spare what was deleted or
// overwritten: as long as it may take until a person looks.
const fewestDays = 30

// judge finds rules that undo what versioning protects. A rule that selects by tags or
// sizes counts as a rule for all objects: the host chooses both.
func (set *Settings) judge() {
	promised := set.Lock != nil && set.Lock.Days > 0
	for i := range set.Lifecycle {
		r := &set.Lifecycle[i].LifecycleRule
		if !r.concernsRepository() {
			continue
		}
		if r.ExpireDays > 0 || !r.ExpireDate.IsZero() {
			set.Problems = append(set.Problems, fmt.Sprintf("lifecycle rule %q deletes current objects", s3err.Clip(r.ID)))
		}
		if r.Other != "" {
			set.Problems = append(set.Problems, fmt.Sprintf("lifecycle rule %q has %s, and RWM does not know what that removes", s3err.Clip(r.ID), r.Other))
		}
		if r.NoncurrentDays > 0 && r.NoncurrentDays < fewestDays && !promised {
			set.Problems = append(set.Problems, fmt.Sprintf(
				"lifecycle rule %q removes for good what was deleted or overwritten, after %s; leave it %d at least", s3err.Clip(r.ID), plural.Of(r.NoncurrentDays, "day"), fewestDays))
		}
	}
}

// concernsRepository reports whether a rule can touch what a restore needs. Locks and
// RWM's own objects do not count: they come and go.
func (r *LifecycleRule) concernsRepository() bool {
	for _, prefix := range []string{"config", "data/", "index/", "keys/", "snapshots/", "rwm/state_"} {
		if strings.HasPrefix(prefix, r.Prefix) || strings.HasPrefix(r.Prefix, prefix) {
			return true
		}
	}
	return false
}

// forecast counts what the rules will remove; v is an entry of the listing and newer
// the entry of its key above it, nil for the latest.
func (set *Settings) forecast(v, newer *Version) {
	if v.DeleteMarker {
		return
	}
	for i := range set.Lifecycle {
		f := &set.Lifecycle[i]
		if !f.concerns(v.Key) {
			continue
		}
		var due time.Time
		switch {
		case newer != nil && f.NoncurrentDays > 0:
			due = newer.LastModified.AddDate(0, 0, f.NoncurrentDays)
		case newer == nil && f.ExpireDays > 0:
			due = v.LastModified.AddDate(0, 0, f.ExpireDays)
		case newer == nil && !f.ExpireDate.IsZero():
			due = f.ExpireDate
		default:
			continue
		}
		f.Versions++
		f.Bytes += v.Size
		if f.First.IsZero() || due.Before(f.First) {
			f.First = due
		}
	}
}

// setting reads one setting; found is false if the bucket has none.
func (s *Store) setting(ctx context.Context, bucket, name string, none string, doc any) (found bool, err error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{name: {""}}})
	if s3err.Code(err) == none && none != "" || noSuchFeature(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, xml.Unmarshal(data, doc)
}

func (s *Store) readEncryption(ctx context.Context, bucket string, set *Settings) error {
	var doc struct {
		Rule []struct {
			ApplyServerSideEncryptionByDefault struct{ SSEAlgorithm, KMSMasterKeyID string }
		}
	}
	_, err := s.setting(ctx, bucket, "encryption", "ServerSideEncryptionConfigurationNotFoundError", &doc)
	for _, r := range doc.Rule {
		e := r.ApplyServerSideEncryptionByDefault
		set.Encryption = s3err.Clip(strings.TrimSpace(e.SSEAlgorithm + " " + e.KMSMasterKeyID))
	}
	return err
}

func (s *Store) readReplication(ctx context.Context, bucket string, set *Settings) error {
	var doc struct {
		Rule []struct {
			Status      string
			Destination struct{ Bucket string }
		}
	}
	_, err := s.setting(ctx, bucket, "replication", "ReplicationConfigurationNotFoundError", &doc)
	for _, r := range doc.Rule {
		if r.Status == "Enabled" {
			set.Replication = append(set.Replication, s3err.Clip(strings.TrimPrefix(r.Destination.Bucket, "arn:aws:s3:::")))
		}
	}
	return err
}

func (s *Store) readNotifications(ctx context.Context, bucket string, set *Settings) error {
	var doc struct {
		Topic []struct{} `xml:"TopicConfiguration"`
		Queue []struct{} `xml:"QueueConfiguration"`
		Cloud []struct{} `xml:"CloudFunctionConfiguration"`
		Event []struct{} `xml:"EventBridgeConfiguration"`
	}
	_, err := s.setting(ctx, bucket, "notification", "", &doc)
	set.Notifications = len(doc.Topic) + len(doc.Queue) + len(doc.Cloud) + len(doc.Event)
	return err
}

func (s *Store) countUploads(ctx context.Context, bucket string, set *Settings) error {
	for u, err := range s.uploads(ctx, bucket) {
		if err != nil {
			return err
		}
		set.Uploads++
		const measured = 100 // each takes a request
		if set.Uploads <= measured {
			parts, err := s.core.ListObjectParts(ctx, bucket, u.Key, u.UploadID, 0, 1000)
			if err == nil { // it may be completed by now
				for _, part := range parts.ObjectParts {
					set.UploadBytes += part.Size
				}
			}
		}
		if set.FirstUpload.IsZero() || u.Initiated.Before(set.FirstUpload) {
			set.FirstUpload = u.Initiated
		}
		if set.Uploads == maxListed {
			return nil
		}
	}
	return nil
}
