package s3state

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// watched are the settings of a bucket that affect what is safe: the name for people,
// that in the request, and the error code for a bucket without it.
var watched = []struct{ name, query, none string }{
	{"versioning", "versioning", ""},
	{"policy", "policy", "NoSuchBucketPolicy"},
	{"access control list", "acl", ""},
	{"public access block", "publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"},
	{"object lock", "object-lock", "ObjectLockConfigurationNotFoundError"},
	{"lifecycle", "lifecycle", "NoSuchLifecycleConfiguration"},
	{"default encryption", "encryption", "ServerSideEncryptionConfigurationNotFoundError"},
	{"replication", "replication", "ReplicationConfigurationNotFoundError"},
	{"notifications", "notification", ""},
}

// settingsNow reads all watched settings that the caller may read.
func (s *Store) settingsNow(ctx context.Context, bucket string) (map[string][]string, error) {
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	found := make(map[string][]string)
	g, ctx := errgroup.WithContext(ctx)
	for _, what := range watched {
		g.Go(func() error {
			parts, ok, err := s.settingNow(ctx, bucket, what.query, what.none)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				found[what.name] = parts
			}
			return s3err.Wrap(err, "read the %s of bucket %s", what.name, bucket)
		})
	}
	return found, g.Wait()
}

// settingNow reads one setting; ok is false if the caller may not read it.
func (s *Store) settingNow(ctx context.Context, bucket, query, none string) (parts []string, ok bool, err error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{query: {""}}})
	switch {
	case err == nil:
	case s3err.Code(err) == none && none != "", noSuchFeature(err):
		return []string{}, true, nil
	case s3err.Status(err) == http.StatusForbidden && !errors.Is(s3err.Classify(err), ErrCredentials):
		return nil, false, nil
	default:
		return nil, false, err
	}
	parts, err = settingParts(bucket, query, data)
	return parts, err == nil, err
}

func settingParts(bucket, query string, data []byte) ([]string, error) {
	if query == "policy" {
		return policyParts(bucket, data)
	}
	return xmlParts(data)
}

// settingAfter reads a setting that was just changed to body. AWS may return the former
// one for a moment.
func (s *Store) settingAfter(ctx context.Context, bucket, query, none string, before []string, body []byte) (parts []string, ok bool) {
	asked, err := settingParts(bucket, query, body)
	stale := err == nil && !slices.Equal(asked, before)
	for range 5 {
		if parts, ok, err = s.settingNow(ctx, bucket, query, none); err != nil || !stale || !slices.Equal(parts, before) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
	return parts, ok
}

// putSetting sets a setting of a bucket, see changeSetting.
func (s *Store) putSetting(ctx context.Context, bucket, query string, body []byte) error {
	return s.changeSetting(ctx, query, s3versions.Request{Method: http.MethodPut, Bucket: bucket, Body: body})
}

// changeSetting sends a request that changes a setting of a bucket, and passes its
// former and its new value to onSetting. All of the Store's own changes come through
// here, so that a later look can tell them from changes by others.
func (s *Store) changeSetting(ctx context.Context, query string, req s3versions.Request) error {
	bucket := req.Bucket
	req.Query = url.Values{query: {""}}
	i := -1
	if s.onSetting != nil {
		for n, what := range watched {
			if what.query == query {
				i = n
			}
		}
	}
	var before []string
	known := false
	if i >= 0 {
		before, known, _ = s.settingNow(ctx, bucket, query, watched[i].none)
	}
	_, err := s.s3.Call(ctx, req)
	if known {
		// Also after an error: the answer may have been lost, not the request.
		late, cancel := afterwards(ctx)
		defer cancel()
		if after, ok := s.settingAfter(late, bucket, query, watched[i].none, before, req.Body); ok {
			s.onSetting(bucket, watched[i].name, before, after)
		}
	}
	return err
}

// bucketIsNew tells onSetting that nothing known about a bucket holds any more.
func (s *Store) bucketIsNew(bucket string) {
	if s.onSetting != nil {
		s.onSetting(bucket, "", nil, nil)
	}
}

// WithSettingMade calls fn whenever the Store itself has changed a setting of a bucket,
// as Create, Seal and LockBucket do; see [KnownSettings.Made]. An empty setting means
// that the bucket was created or removed, so that nothing known about it holds any
// more.
func WithSettingMade(fn func(bucket, setting string, before, after []string)) Option {
	return func(s *Store) { s.onSetting = fn }
}

// node is an XML element without anything that carries no meaning: the order of its
// children, white space, namespaces, attributes, and empty elements.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

// String is the canonical text of a node; "" if it is empty.
func (n *node) String() string {
	if len(n.Children) == 0 {
		if text := strings.TrimSpace(n.Text); text != "" {
			return n.XMLName.Local + "=" + text
		}
		return ""
	}
	parts := n.parts()
	if len(parts) == 0 {
		return ""
	}
	return n.XMLName.Local + "{" + strings.Join(parts, " ") + "}"
}

func (n *node) parts() []string {
	parts := []string{}
	for i := range n.Children {
		c := &n.Children[i]
		switch c.XMLName.Local {
		case "AccessControlList":
			parts = append(parts, c.parts()...)
			continue
		case "DisplayName": // a user may be called another name
			continue
		}
		if text := c.String(); text != "" {
			parts = append(parts, text)
		}
	}
	slices.Sort(parts)
	return parts
}

func xmlParts(data []byte) ([]string, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return []string{}, nil
	}
	var root node
	if err := xml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	// A server that does not know a setting lists the objects instead, as Ceph 16 does
	// for default encryption.
	if root.XMLName.Local == "ListBucketResult" {
		return []string{}, nil
	}
	return root.parts(), nil
}

// policyParts returns the statements of a policy. The time until which a sealed host
// may read is left out: storage-unseal changes it, perhaps on another machine, and it
// ends by itself.
func policyParts(bucket string, data []byte) ([]string, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return []string{}, nil
	}
	grants, err := readPolicy(data)
	if err != nil {
		// Not for us to judge here; the check of the policy does.
		return []string{string(data)}, nil //nolint:nilerr // see above
	}
	var doc struct {
		Statement json.RawMessage
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return []string{string(data)}, nil //nolint:nilerr // see above
	}
	var list []map[string]any
	if json.Unmarshal(doc.Statement, &list) != nil {
		list = make([]map[string]any, 1)
		if err := json.Unmarshal(doc.Statement, &list[0]); err != nil {
			return nil, fmt.Errorf("the policy's statement: %w", err)
		}
	}
	parts := []string{}
	for i, st := range list {
		if isSeal(bucket, grants[i]) {
			delete(st, "Condition")
		}
		text, err := json.Marshal(sortedJSON(st))
		if err != nil {
			return nil, err
		}
		parts = append(parts, string(text))
	}
	slices.Sort(parts)
	return parts, nil
}

// sortedJSON sorts lists, whose order means nothing in a policy, and replaces a list of
// one by its element.
func sortedJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			v[k] = sortedJSON(one)
		}
	case []any:
		texts := make([]string, len(v))
		for i, one := range v {
			text, _ := json.Marshal(sortedJSON(one)) // it came from JSON
			texts[i] = string(text)
		}
		slices.Sort(texts)
		if len(texts) == 1 {
			return json.RawMessage(texts[0])
		}
		raw := make([]json.RawMessage, len(texts))
		for i, text := range texts {
			raw[i] = json.RawMessage(text)
		}
		return raw
	}
	return v
}
