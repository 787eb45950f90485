package s3dev

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/versity/versitygw/s3err"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

const (
	// FaultStatus answers with Status and Code instead of doing anything.
	FaultStatus FaultKind = "status"
	// FaultReset closes the connection with a TCP reset, doing nothing.
	FaultReset FaultKind = "reset"
	// FaultResetAfter does what was asked, then resets instead of answering:
	// the client cannot know that its write has happened.
	FaultResetAfter FaultKind = "reset-after"
	// FaultTruncate does what was asked but closes the connection half way
	// through the answer.
	FaultTruncate FaultKind = "truncate"
	// FaultStall keeps the client waiting for Delay, or with none until it
	// gives up; then the request goes its usual way.
	FaultStall FaultKind = "stall"
	// FaultStallBody sends half of the answer and then stalls the same way;
	// the rest never comes.
	FaultStallBody FaultKind = "stall-body"
	// FaultErrorIn200 answers 200 with an error in the body, as S3 may do for
	// CopyObject and CompleteMultipartUpload; nothing is done. In a batch
	// delete each key matched by Keys (all of them when empty) is refused.
	FaultErrorIn200 FaultKind = "error-in-200"
)

// Fault makes some of the requests go wrong.
type Fault struct {
	Method string    `json:"method,omitempty"` // any when empty
	Path   string    `json:"path,omitempty"`   // regular expression on "/bucket/key?query", key unescaped; any when empty
	Kind   FaultKind `json:"kind"`
	Status int       `json:"status,omitempty"` // FaultStatus; 503 when 0
	Code   string    `json:"code,omitempty"`   // S3 error code; fitting the status when empty
	Keys   string    `json:"keys,omitempty"`   // regular expression on the keys of a batch delete
	After  int       `json:"after,omitempty"`  // lets that many matching requests pass first
	Times  int       `json:"times,omitempty"`  // then applies that often; 0 is for ever
	Delay  Duration  `json:"delay,omitempty"`  // FaultStall, FaultStallBody
}

// Duration is a time.Duration written like "20ms" in JSON.
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

type armedFault struct {
	Fault
	path, keys *regexp.Regexp
	seen, done int
}

// faults is the list of faults in force; the first that matches applies.
type faults struct {
	mu   sync.Mutex
	list []*armedFault
}

func (f *faults) add(fault Fault) error {
	a := &armedFault{Fault: fault}
	switch fault.Kind {
	case FaultStatus, FaultReset, FaultResetAfter, FaultTruncate, FaultStall, FaultStallBody, FaultErrorIn200:
	default:
		return fmt.Errorf("fault kind %q is not known", fault.Kind)
	}
	if a.Status == 0 {
		a.Status = 503
	}
	if a.Code == "" {
		a.Code = codeOf(a.Status)
		if a.Kind == FaultErrorIn200 {
			a.Code = "InternalError"
		}
	}
	var err error
	if a.path, err = regexp.Compile(fault.Path); err != nil {
		return fmt.Errorf("fault path: %w", err)
	}
	if a.keys, err = regexp.Compile(fault.Keys); err != nil {
		return fmt.Errorf("fault keys: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, a)
	return nil
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// match returns the fault for a request and counts it, or nil.
func (f *faults) match(method, path string) *armedFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if a.Method != "" && a.Method != method || !a.path.MatchString(path) {
			continue
		}
		a.seen++
		if a.seen <= a.After || a.Times > 0 && a.done >= a.Times {
			continue
		}
		a.done++
		return a
	}
	return nil
}

func codeOf(status int) string {
	switch status {
	case 400:
		return "InvalidRequest"
	case 403:
		return "AccessDenied"
	case 404:
		return "NoSuchKey"
	case 409:
		return "OperationAborted"
	case 412:
		return "PreconditionFailed"
	case 429:
		return "TooManyRequests"
	case 500:
		return "InternalError"
	case 501:
		return "NotImplemented"
	case 503:
		return "SlowDown"
	}
	return "UnknownError"
}

// ParseFaults reads a JSON array of faults.
func ParseFaults(data []byte) ([]Fault, error) {
	var list []Fault
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	return list, nil
}

const refuseKey = "s3dev-refuse"

// refusedKeys is the injected fault of a batch delete, key by key.
func refusedKeys(ctx context.Context) func(key string) *s3err.APIError {
	a, _ := ctx.Value(refuseKey).(*armedFault)
	return func(key string) *s3err.APIError {
		if a == nil || !a.keys.MatchString(key) {
			return nil
		}
		return &s3err.APIError{Code: a.Code, Description: "Injected by a fault."}
	}
}
