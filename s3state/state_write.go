package s3state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Field names are S3's own, in the order of the Python RWM.
type versionJSON struct {
	ETag         string
	Size         int64
	StorageClass string
	Key          string
	VersionID    string `json:"VersionId"`
	IsLatest     bool
	LastModified string
	Owner        Owner
}

type markerJSON struct {
	Owner        Owner
	Key          string
	VersionID    string `json:"VersionId"`
	IsLatest     bool
	LastModified string
}

type aclJSON struct {
	Owner  Owner   `json:"owner"`
	Grants []Grant `json:"grants"`
}

// stateWriter writes a state during the listing. Delete markers are listed between the
// versions but are a list of their own, so they wait in a spool.
type stateWriter struct {
	w       *bufio.Writer
	line    bytes.Buffer
	enc     *json.Encoder
	markers spool
	first   bool
	err     error
}

func newStateWriter(w io.Writer) *stateWriter {
	sw := &stateWriter{w: bufio.NewWriterSize(w, 64<<10), first: true}
	sw.enc = json.NewEncoder(&sw.line)
	sw.enc.SetEscapeHTML(false)
	return sw
}

func (sw *stateWriter) encode(v any) []byte {
	sw.line.Reset()
	if err := sw.enc.Encode(v); err != nil && sw.err == nil {
		sw.err = err
	}
	return bytes.TrimRight(sw.line.Bytes(), "\n")
}

func (sw *stateWriter) print(parts ...any) {
	for _, p := range parts {
		var err error
		switch p := p.(type) {
		case string:
			_, err = sw.w.WriteString(p)
		case []byte:
			_, err = sw.w.Write(p)
		}
		if err != nil && sw.err == nil {
			sw.err = err
		}
	}
}

// begin writes what is known before the listing.
func (sw *stateWriter) begin(bucket string, f *bucketConfig, start time.Time) error {
	policy := f.policy
	if policy == nil {
		policy = []byte("null")
	} else if !json.Valid(policy) {
		return fmt.Errorf("the policy of bucket %s is not JSON", bucket)
	}
	grants := f.acl.Grants
	if grants == nil {
		grants = []Grant{}
	}
	sw.print(`{"bucket_name": `, sw.encode(bucket), ",\n")
	sw.print(`"bucket_acl": `, sw.encode(aclJSON{f.acl.Owner, grants}), ",\n")
	sw.print(`"bucket_policy": `, policy, ",\n")
	sw.print(`"time_start": `, sw.encode(start.Format(stateTime)), ",\n")
	sw.print(`"versions": [`)
	return sw.err
}

func (sw *stateWriter) add(v *Version) error {
	modified := v.LastModified.UTC().Format(stateTime)
	if v.DeleteMarker {
		line := sw.encode(markerJSON{v.Owner, v.Key, v.VersionID, v.IsLatest, modified})
		if sw.err != nil {
			return sw.err
		}
		sep := ",\n"
		if sw.markers.size == 0 {
			sep = "\n"
		}
		return sw.markers.write([]byte(sep), line)
	}
	sep := ",\n"
	if sw.first {
		sep, sw.first = "\n", false
	}
	sw.print(sep, sw.encode(versionJSON{v.ETag, v.Size, v.StorageClass, v.Key, v.VersionID, v.IsLatest, modified, v.Owner}))
	return sw.err
}

func (sw *stateWriter) end(end time.Time) error {
	sw.print("\n],\n\"delete_markers\": [")
	if sw.err != nil {
		return sw.err
	}
	if err := sw.markers.copyTo(sw.w); err != nil {
		return err
	}
	sw.print("\n],\n", `"time_end": `, sw.encode(end.Format(stateTime)), "}\n")
	if sw.err != nil {
		return sw.err
	}
	return sw.w.Flush()
}

func (sw *stateWriter) close() { sw.markers.close() }
