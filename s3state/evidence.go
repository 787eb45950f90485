package s3state

import (
	"strings"
	"time"

	"github.com/cesnet/rwm/s3versions"
)

// This file says how far the record of a server can be relied on. What is evidence
// depends on the server and on the kind of upload:
//
//	order of a key's versions   always: that of the listing, the newest first
//	version ID                  names one content for ever, but "null", which is
//	                            overwritten in place while versioning is suspended
//	LastModified                by the server's clock. Many servers (AWS, Ceph 20,
//	                            SeaweedFS) cut it to seconds. Of an upload in parts
//	                            it is when that was begun (AWS) or completed (Ceph)
//	size                        always
//	ETag, same version          never changes
//	ETag, two versions          the same: the same bytes, but perhaps under another
//	                            key (SSE-C on Ceph), so that they cannot be read.
//	                            Different: other bytes, unless one was uploaded in
//	                            parts or encrypted with SSE-KMS or SSE-C
//	ETag as MD5 of the bytes    of uploads in one part that are not encrypted with
//	                            SSE-KMS or SSE-C; see etagsAreMD5
//	SHA-256 in restic's names   always, once the bytes were read; a checksum that
//	                            the server has verified stands for reading them

// uploadedInParts reports whether an ETag is that of a multipart upload ("…-12").
func uploadedInParts(etag string) bool {
	return strings.Contains(s3versions.BareETag(etag), "-")
}

// inRepository reports whether a key is that of one of restic's own objects, which
// restic never uploads in parts and never writes twice with other content.
func inRepository(key string) bool { return key == "config" || resticID(key) != "" }

// granularity is what a time without a fraction may have been cut to.
const granularity = time.Second

// latest is the latest time at which a version may have been written although the
// server recorded its LastModified; false if there is no such time, because it was
// uploaded in parts.
func latest(v *Version) (time.Time, bool) {
	switch {
	case !v.DeleteMarker && uploadedInParts(v.ETag):
		return time.Time{}, false
	case v.LastModified.Nanosecond() == 0:
		return endOf(v.LastModified), true
	}
	return v.LastModified, true
}

// endOf is the last moment that a time of the server's may stand for. What a server
// dates to the second is in a view only from the end of that second on. Servers that
// give fractions give milliseconds.
func endOf(t time.Time) time.Time {
	if t.Nanosecond() == 0 {
		return t.Add(granularity - time.Millisecond)
	}
	return t
}

// mayBeLater reports whether a version dated at or before a time may have been written
// after it.
func mayBeLater(v *Version, at time.Time) bool {
	if t, known := latest(v); known {
		return t.After(at)
	}
	// Other programs upload in parts as a matter of course, and quickly.
	return inRepository(v.Key)
}

// asOf chooses what was current at a time from the entries of one key, given newest
// first.
//
// It uses the order of the listing: what lies above an entry that is later than the
// time is later, too. Of two objects, one of which may be later, the older is chosen,
// and a deletion that may be later has not happened yet; so a change in the same
// second, or an upload in parts that was begun long ago, takes nothing away. An upload
// in parts may also be a repair of what it replaced: passed has those that were not
// chosen, whose bytes can tell.
type asOf struct {
	at        time.Time
	now       bool // at is in the future: nothing that is there can be later
	chosen    *Version
	uncertain bool // chosen may be later
	hold      Version
	passed    []Version // uploads in parts above chosen, the last mostPassed of them
}

// mostPassed bounds how many passed versions of one key are held.
const mostPassed = 8

func (a *asOf) begin() { a.chosen, a.uncertain, a.passed = nil, false, a.passed[:0] }

func (a *asOf) take(v *Version) {
	switch {
	case v.LastModified.After(a.at):
		a.begin()
		return
	case a.chosen != nil && !a.uncertain:
		return
	case a.chosen != nil && v.DeleteMarker:
		a.uncertain = false
		return
	case a.chosen != nil && uploadedInParts(a.chosen.ETag) && resticID(v.Key) != "":
		if len(a.passed) == mostPassed {
			a.passed = append(a.passed[:0], a.passed[1:]...)
		}
		a.passed = append(a.passed, a.hold)
	}
	a.hold = *v
	a.chosen, a.uncertain = &a.hold, !a.now && mayBeLater(v, a.at)
}

// object is what was current, nil for nothing.
func (a *asOf) object() *Version {
	if a.chosen == nil || a.chosen.DeleteMarker {
		return nil
	}
	return a.chosen
}
