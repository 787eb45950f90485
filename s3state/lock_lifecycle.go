package s3state

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// LifecycleRule describes what an enabled lifecycle rule removes.
type LifecycleRule struct {
	ID     string `json:"id,omitempty"`
	Prefix string `json:"prefix,omitempty"` // of the keys that it concerns
	// Narrowed says that it concerns only objects with certain tags or sizes.
	Narrowed bool `json:"narrowed,omitempty"`
	// NoncurrentDays is the number of days after which the rule removes versions that
	// are no longer current, 0 for never; NewerNoncurrent is how many of those it
	// spares for each key.
	NoncurrentDays  int `json:"noncurrent_days,omitempty"`
	NewerNoncurrent int `json:"newer_noncurrent,omitempty"`
	// ExpireDays and ExpireDate delete what is current.
	ExpireDays int       `json:"expire_days,omitempty"`
	ExpireDate time.Time `json:"expire_date,omitzero"`
	// LoneMarkers removes delete markers that no longer hide any version.
	LoneMarkers bool `json:"lone_markers,omitempty"`
	UploadDays  int  `json:"upload_days,omitempty"` // removes uploads unfinished so long
	// Other names what else the server does by the rule. RWM does not know what that
	// removes.
	Other string `json:"other,omitempty"`
}

func (r *LifecycleRule) concerns(key string) bool { return strings.HasPrefix(key, r.Prefix) }

// uploadDays is after how many days an unfinished upload is removed.
const uploadDays = 7

// ruleID names the rule that a lock makes.
const ruleID = "rwm"

type lifecycleXML struct {
	XMLName   xml.Name  `xml:"LifecycleConfiguration"`
	Namespace string    `xml:"xmlns,attr,omitempty"`
	Rule      []ruleXML `xml:"Rule"`
}

type ruleXML struct {
	ID         string
	Filter     *filterXML
	Prefix     *string
	Status     string
	Expiration *expirationXML

	NoncurrentVersionExpiration    *noncurrentXML
	AbortIncompleteMultipartUpload *uploadsXML
	DelMarkerExpiration            *delMarkerXML // MinIO's
	Other                          []otherXML    `xml:",any"`
}

// delMarkerXML removes all versions of what has been deleted for some days.
type delMarkerXML struct{ Days int }

type otherXML struct {
	XMLName xml.Name
	Text    string `xml:",innerxml"`
}

// harmlessActions are those that remove nothing.
var harmlessActions = []string{"Transition", "NoncurrentVersionTransition", "Compression", "NoncurrentVersionCompression"}

type expirationXML struct {
	Days                      int    `xml:",omitempty"`
	Date                      string `xml:",omitempty"`
	ExpiredObjectDeleteMarker bool   `xml:",omitempty"`
}

type noncurrentXML struct {
	NoncurrentDays          int
	NewerNoncurrentVersions int `xml:",omitempty"`
}

type uploadsXML struct{ DaysAfterInitiation int }

type filterXML struct {
	Prefix                *string
	Tag                   *struct{} `xml:",omitempty"`
	ObjectSizeGreaterThan *int64    `xml:",omitempty"`
	ObjectSizeLessThan    *int64    `xml:",omitempty"`
	And                   *struct {
		Prefix string
	} `xml:",omitempty"`
}

// Lifecycle reads the enabled lifecycle rules of a bucket; none if there are none or
// the server has no lifecycle.
func (s *Store) Lifecycle(ctx context.Context, bucket string) ([]LifecycleRule, error) {
	s = s.made()
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"lifecycle": {""}}})
	if s3err.Code(err) == "NoSuchLifecycleConfiguration" || noSuchFeature(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s3err.Wrap(err, "read the lifecycle of bucket %s", bucket)
	}
	var doc lifecycleXML
	if err := xml.Unmarshal(data, &doc); err != nil {
		return nil, s3err.Wrap(err, "read the lifecycle of bucket %s", bucket)
	}
	var rules []LifecycleRule
	for i := range doc.Rule {
		if x := &doc.Rule[i]; x.Status == "Enabled" {
			rules = append(rules, x.rule())
		}
	}
	return rules, nil
}

func (x *ruleXML) rule() LifecycleRule {
	r := LifecycleRule{ID: x.ID}
	if x.Prefix != nil {
		r.Prefix = *x.Prefix
	}
	if f := x.Filter; f != nil {
		switch {
		case f.And != nil: // a prefix and something else
			r.Prefix, r.Narrowed = f.And.Prefix, true
		case f.Prefix != nil:
			r.Prefix = *f.Prefix
		}
		r.Narrowed = r.Narrowed || f.Tag != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil
	}
	if e := x.Expiration; e != nil {
		r.ExpireDays, r.LoneMarkers = max(e.Days, 0), e.ExpiredObjectDeleteMarker
		if e.Date != "" {
			r.ExpireDate, _ = time.Parse(time.RFC3339, e.Date)
			if r.ExpireDate.IsZero() {
				r.ExpireDate = time.Unix(0, 0).UTC() // some date, so it expires something
			}
		}
	}
	if n := x.NoncurrentVersionExpiration; n != nil {
		// More than 100 years is for ever, and beyond 292 no time.Duration.
		r.NoncurrentDays, r.NewerNoncurrent = min(max(n.NoncurrentDays, 0), maxLockDays), max(n.NewerNoncurrentVersions, 0)
		if r.NoncurrentDays == 0 && r.NewerNoncurrent > 0 {
			r.NoncurrentDays = 1 // MinIO removes the others at once
		}
	}
	if m := x.DelMarkerExpiration; m != nil && m.Days > 0 && (r.NoncurrentDays == 0 || m.Days < r.NoncurrentDays) {
		r.NoncurrentDays, r.NewerNoncurrent = min(m.Days, maxLockDays), 0
	}
	for _, o := range x.Other {
		if strings.TrimSpace(o.Text) != "" && !slices.Contains(harmlessActions, o.XMLName.Local) {
			r.Other = strings.TrimPrefix(r.Other+", "+s3err.Clip(o.XMLName.Local), ", ")
		}
	}
	if a := x.AbortIncompleteMultipartUpload; a != nil {
		r.UploadDays = max(a.DaysAfterInitiation, 0)
	}
	return r
}

// putRules sets the lifecycle to the rules of others, as they are written, and, unless
// days is 0, the rule that a lock needs: after that many days the server removes what
// is no longer current and no longer locked, then the delete markers left alone, and
// unfinished uploads.
func (s *Store) putRules(ctx context.Context, bucket string, kept []storedRule, days int) error {
	if len(kept) == 0 && days == 0 {
		err := s.changeSetting(ctx, "lifecycle", s3versions.Request{Method: http.MethodDelete, Bucket: bucket})
		return s3err.Wrap(err, "remove the lifecycle of bucket %s", bucket)
	}
	all := ""
	rule := ruleXML{
		ID: ruleID, Status: "Enabled", Filter: &filterXML{Prefix: &all},
		Expiration:                     &expirationXML{ExpiredObjectDeleteMarker: true},
		NoncurrentVersionExpiration:    &noncurrentXML{NoncurrentDays: days},
		AbortIncompleteMultipartUpload: &uploadsXML{uploadDays},
	}
	type anyRule struct {
		Text string `xml:",innerxml"`
	}
	var doc struct {
		XMLName   xml.Name `xml:"LifecycleConfiguration"`
		Namespace string   `xml:"xmlns,attr"`
		Rule      []any    `xml:"Rule"`
	}
	doc.Namespace = s3Namespace
	for _, r := range kept {
		doc.Rule = append(doc.Rule, anyRule{r.text})
	}
	if days > 0 {
		doc.Rule = append(doc.Rule, rule)
	}
	body, err := xml.Marshal(doc)
	if err != nil {
		return err
	}
	return s3err.Wrap(s.putSetting(ctx, bucket, "lifecycle", body), "set the lifecycle of bucket %s", bucket)
}
