package s3dev

import "fmt"

// Dialect names the S3 server whose behaviour is imitated where servers
// differ. See the package documentation for the table.
type Dialect string

const (
	// AWS is the default: the behaviour Amazon documents.
	AWS Dialect = "aws"
	// RGW is Ceph 16.2, Debian 12's.
	RGW Dialect = "rgw"
	// RGW18 is Ceph 18.2.
	RGW18 Dialect = "rgw18"
	// RGW20 is Ceph 20.2.
	RGW20 Dialect = "rgw20"
	// SeaweedFS is SeaweedFS 4.53.
	SeaweedFS Dialect = "seaweedfs"
	// VersityGW is versitygw 1.8 with its posix backend.
	VersityGW Dialect = "versitygw"
)

// Dialects are all known ones.
func Dialects() []Dialect { return []Dialect{AWS, RGW, RGW18, RGW20, SeaweedFS, VersityGW} }

// Traits are the details in which dialects differ. [Dialect.Traits] has those
// of a dialect; a caller may change some of them and start a server with
// [Config.Traits].
type Traits struct {
	// Ceph: making one's own bucket again answers 200, listings of versions
	// carry a Tenant element and leave some of their fields unencoded, and
	// requests are numbered as Ceph does.
	Ceph bool `json:"ceph"`

	// LockExisting allows object lock on a bucket made without it, if it is
	// versioned.
	LockExisting bool `json:"lock_existing"`
	// BypassByDelete lets DeleteObjectVersion alone, with the bypass header,
	// remove a version under GOVERNANCE; an explicit Deny of
	// BypassGovernanceRetention still stops it.
	BypassByDelete bool `json:"bypass_by_delete"`
	// FreeLockHeaders lets a PUT carry lock headers without the rights to
	// PutObjectRetention and PutObjectLegalHold, whatever the policy says.
	FreeLockHeaders bool `json:"free_lock_headers"`
	// HiddenLock shows retention and legal hold in GET and HEAD only to those
	// with the right to GetObjectRetention and GetObjectLegalHold.
	HiddenLock bool `json:"hidden_lock"`
	// MarkerRetention allows retention and legal hold on delete markers.
	MarkerRetention bool `json:"marker_retention"`
	// ForgetDefault accepts a default retention but does not store it.
	ForgetDefault bool `json:"forget_default"`
	// LockUntil2106 keeps the end of a lock in 32 bits of seconds since 1970, so that
	// one after 7 February 2106 becomes one in the past. Extending a lock to such a
	// date ends it, in COMPLIANCE too.
	LockUntil2106 bool `json:"lock_until_2106"`
	// LockConditions says what becomes of conditions on s3:object-lock-….
	LockConditions Conditions `json:"lock_conditions"`

	// Principal is how a policy names a user.
	Principal PrincipalForm `json:"principal"`
	// NoStarAction refuses "*" as an action of a policy; "s3:*" is taken.
	NoStarAction bool `json:"no_star_action"`
	// NoAttributesAction refuses s3:GetObjectAttributes in a policy, because
	// the server does not know it; attributes then are GetObject's.
	NoAttributesAction bool `json:"no_attributes_action"`
	// FreeAttributes judges GetObjectAttributes by its own action alone, not
	// by GetObject as well.
	FreeAttributes bool `json:"free_attributes"`
	// ObjectACLs lets an object's ACL, and that of the bucket, grant what the
	// policy neither allows nor denies: the writer of an object may read it.
	// Without it ACLs count only in buckets without a policy.
	ObjectACLs bool `json:"object_acls"`
	// FreePartCopy lets UploadPartCopy read a source whose ACL allows it,
	// without asking the policy.
	FreePartCopy bool `json:"free_part_copy"`
	// BatchNeedsBucket wants DeleteObject on the bucket's own ARN for a batch
	// deletion, besides the keys'.
	BatchNeedsBucket bool `json:"batch_needs_bucket"`

	// IgnoreIfNoneMatch ignores conditions of a PUT in versioned buckets.
	IgnoreIfNoneMatch bool `json:"ignore_if_none_match"`
	// Checksums says when x-amz-checksum-… headers are verified and kept.
	Checksums Checksums `json:"checksums"`
	// DefaultSSE encrypts (SSE-S3) without being told to, and says so when asked
	// for a bucket's default encryption.
	DefaultSSE bool `json:"default_sse"`
	// ListsForEncryption answers the question for a bucket's default encryption with
	// a listing of its objects, as a server does that does not know the question.
	ListsForEncryption bool `json:"lists_for_encryption"`
	// PlainCustomerETag keeps the MD5 as the ETag under SSE-C.
	PlainCustomerETag bool `json:"plain_customer_etag"`
	// WholeSeconds cuts LastModified to seconds in listings.
	WholeSeconds bool `json:"whole_seconds"`
	// DatedToInitiation gives a multipart upload the time of its initiation.
	DatedToInitiation bool `json:"dated_to_initiation"`
	// OneMarker makes no second delete marker on top of another.
	OneMarker bool `json:"one_marker"`
	// NoLifecycle answers 501 to lifecycle requests.
	NoLifecycle bool `json:"no_lifecycle"`
}

// Conditions says what a server makes of a kind of policy conditions.
type Conditions string

const (
	ConditionsKept    Conditions = ""        // they are evaluated
	ConditionsIgnored Conditions = "ignored" // accepted, but the key never has a value
	ConditionsRefused Conditions = "refused" // the policy is malformed
)

// Checksums says when a server verifies and keeps x-amz-checksum-… headers.
type Checksums string

const (
	ChecksumsVerified Checksums = ""        // always
	ChecksumsIgnored  Checksums = "ignored" // never
	// ChecksumsAsked: only with x-amz-sdk-checksum-algorithm or in a trailer.
	ChecksumsAsked Checksums = "asked"
)

// PrincipalForm is how policies name users.
type PrincipalForm string

const (
	PrincipalARN        PrincipalForm = ""           // arn:aws:iam::TENANT:user/NAME
	PrincipalZeroARN    PrincipalForm = "zero-arn"   // arn:aws:iam::000000000000:user/NAME
	PrincipalAccessKeys PrincipalForm = "access-key" // the access key
)

// Traits returns the dialect's traits; those of AWS for an empty one.
func (d Dialect) Traits() (Traits, error) {
	ceph := Traits{
		Ceph: true, FreeLockHeaders: true, PlainCustomerETag: true, LockConditions: ConditionsIgnored, ObjectACLs: true,
	}
	switch d {
	case "", AWS:
		return Traits{LockExisting: true, HiddenLock: true, DatedToInitiation: true, DefaultSSE: true}, nil
	case RGW, RGW18:
		ceph.BypassByDelete, ceph.NoAttributesAction, ceph.BatchNeedsBucket = true, true, true
		ceph.IgnoreIfNoneMatch, ceph.Checksums, ceph.OneMarker = true, ChecksumsIgnored, true
		ceph.FreePartCopy, ceph.LockUntil2106, ceph.ListsForEncryption = d == RGW, d == RGW, d == RGW
		return ceph, nil
	case RGW20:
		ceph.LockExisting, ceph.FreeAttributes, ceph.WholeSeconds = true, true, true
		ceph.Checksums = ChecksumsAsked
		return ceph, nil
	case SeaweedFS:
		return Traits{
			LockExisting: true, MarkerRetention: true, Principal: PrincipalZeroARN,
			NoStarAction: true, WholeSeconds: true,
		}, nil
	case VersityGW:
		return Traits{
			LockExisting: true, ForgetDefault: true, LockConditions: ConditionsRefused,
			Principal: PrincipalAccessKeys, NoStarAction: true, NoLifecycle: true,
		}, nil
	}
	return Traits{}, fmt.Errorf("dialect %q is not known", d)
}

// principal is how a policy names the user.
func (t Traits) principal(u User) string {
	switch t.Principal {
	case PrincipalZeroARN:
		return "arn:aws:iam::000000000000:user/" + u.Name
	case PrincipalAccessKeys:
		return u.AccessKey
	}
	return u.ARN()
}
