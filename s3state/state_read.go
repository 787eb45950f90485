package s3state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// StateHeader is what a state holds besides its versions. Anyone who can write to the
// bucket can write a state: all of this is a claim.
type StateHeader struct {
	BucketName string
	ACL        ACL
	Policy     json.RawMessage // JSON; nil if the bucket had none
	TimeStart  time.Time
	TimeEnd    time.Time
}

// StateReader reads a state entry by entry.
type StateReader struct {
	header  StateHeader
	budget  budgetReader
	dec     *json.Decoder
	seen    map[string]bool
	markers bool // in delete_markers, not in versions
	inList  bool
	started bool
	err     error // sticky; io.EOF after the last entry
	closer  func() error
}

// Bounds of what one field or entry of a state may take; a key has at most
// 1024 bytes, a bucket policy 20 KiB.
const (
	maxField = 256 << 10
	maxDepth = 32
)

// ReadState reads a state from its JSON text, as Capture writes it; fields may be in
// any order, unknown ones are skipped. It holds one entry at a time, and its memory use
// is bounded for any input.
func ReadState(r io.Reader) *StateReader {
	sr := &StateReader{seen: make(map[string]bool)}
	sr.budget.r = r
	sr.dec = json.NewDecoder(&sr.budget)
	sr.dec.UseNumber()
	return sr
}

// All iterates over the versions and delete markers; calling it again continues where
// the last call stopped. An ErrBadState or an error of the underlying reader ends it.
func (sr *StateReader) All() iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		if sr == nil || sr.dec == nil {
			yield(Version{}, fmt.Errorf("%w: there is none", ErrBadState))
			return
		}
		for sr.err == nil {
			v, err := sr.next()
			if err != nil {
				sr.err = sr.explain(err)
				break
			}
			if !yield(v, nil) {
				return
			}
		}
		if sr.err != io.EOF {
			yield(Version{}, sr.err)
		}
	}
}

// Header is complete once All has come to its end.
func (sr *StateReader) Header() StateHeader {
	if sr == nil {
		return StateHeader{}
	}
	return sr.header
}

// Close releases the connection of a state that was opened from a bucket.
func (sr *StateReader) Close() error {
	if sr == nil || sr.closer == nil {
		return nil
	}
	return sr.closer()
}

func (sr *StateReader) explain(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == io.EOF && sr.done(), errors.Is(err, ErrBadState):
		return err
	case sr.budget.err != nil && !errors.Is(sr.budget.err, io.EOF) && !errors.Is(sr.budget.err, io.ErrUnexpectedEOF):
		return sr.budget.err
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it is truncated", ErrBadState)
	case errors.As(err, &syntax), errors.As(err, &kind):
		return fmt.Errorf("%w: %v", ErrBadState, err)
	}
	return fmt.Errorf("%w: %w", ErrBadState, err)
}

func (sr *StateReader) done() bool { return sr.started && sr.seen["\x00end"] }

func (sr *StateReader) token() (json.Token, error) {
	sr.budget.left = maxField
	return sr.dec.Token()
}

func (sr *StateReader) decode(v any) error {
	sr.budget.left = maxField
	return sr.dec.Decode(v)
}

func (sr *StateReader) next() (Version, error) {
	if !sr.started {
		sr.started = true
		if t, err := sr.token(); err != nil {
			return Version{}, err
		} else if t != json.Delim('{') {
			return Version{}, fmt.Errorf("%w: it is not a JSON object", ErrBadState)
		}
	}
	for {
		if sr.inList {
			sr.budget.left = maxField
			if sr.dec.More() {
				return sr.entry()
			}
			if _, err := sr.token(); err != nil { // the list's ]
				return Version{}, err
			}
			sr.inList = false
		}
		t, err := sr.token()
		if err != nil {
			return Version{}, err
		}
		if t == json.Delim('}') {
			return Version{}, sr.end()
		}
		name, ok := t.(string)
		if !ok {
			return Version{}, fmt.Errorf("%w: a field has no name", ErrBadState)
		}
		if err := sr.field(name); err != nil {
			return Version{}, err
		}
	}
}

func (sr *StateReader) field(name string) error {
	switch name {
	case "versions", "delete_markers", "bucket_name", "bucket_acl", "bucket_policy", "time_start", "time_end":
		if sr.seen[name] {
			return fmt.Errorf("%w: the field %s appears twice", ErrBadState, name)
		}
		sr.seen[name] = true
	}
	switch name {
	case "versions", "delete_markers":
		t, err := sr.token()
		if err != nil {
			return err
		}
		if t != json.Delim('[') {
			return fmt.Errorf("%w: %s is not a list", ErrBadState, name)
		}
		sr.inList, sr.markers = true, name == "delete_markers"
		return nil
	case "bucket_name":
		return sr.decode(&sr.header.BucketName)
	case "bucket_acl":
		var acl aclJSON
		err := sr.decode(&acl)
		sr.header.ACL = ACL(acl)
		return err
	case "bucket_policy":
		var policy json.RawMessage
		if err := sr.decode(&policy); err != nil {
			return err
		}
		if string(policy) != "null" {
			sr.header.Policy = slices.Clone(policy)
		}
		return nil
	case "time_start":
		return sr.time(name, &sr.header.TimeStart)
	case "time_end":
		return sr.time(name, &sr.header.TimeEnd)
	}
	return sr.skip()
}

func (sr *StateReader) time(name string, t *time.Time) error {
	var text *string
	if err := sr.decode(&text); err != nil || text == nil {
		return err
	}
	var err error
	if *t, err = parseStateTime(*text); err != nil {
		return fmt.Errorf("%w: %s is not a time: %q", ErrBadState, name, s3err.Clip(*text))
	}
	return nil
}

// skip passes over a value of any kind and size.
func (sr *StateReader) skip() error {
	for depth := 0; ; {
		t, err := sr.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: it is nested too deeply", ErrBadState)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
