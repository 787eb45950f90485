package s3dev

import "strings"

// objectActions are the actions on objects a policy may name; those on
// buckets stand in bucketActions.
var objectActions = []string{
	"AbortMultipartUpload", "BypassGovernanceRetention", "DeleteObject", "DeleteObjectTagging",
	"DeleteObjectVersion", "DeleteObjectVersionTagging", "GetObject", "GetObjectAcl",
	"GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention", "GetObjectTagging",
	"GetObjectTorrent", "GetObjectVersion", "GetObjectVersionAcl", "GetObjectVersionAttributes",
	"GetObjectVersionForReplication", "GetObjectVersionTagging", "GetObjectVersionTorrent",
	"ListMultipartUploadParts", "ObjectOwnerOverrideToBucketOwner", "PutObject", "PutObjectAcl",
	"PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging", "PutObjectVersionAcl",
	"PutObjectVersionTagging", "ReplicateDelete", "ReplicateObject", "ReplicateTags", "RestoreObject",
	// On buckets, without a subresource of their own.
	"CreateBucket", "DeleteBucket", "ListBucket", "DeleteBucketReplication",
}

// knownAction reports whether the server accepts an action, or a pattern that
// some action fits, in a policy.
func knownAction(action string, traits Traits) bool {
	if action == "*" {
		return !traits.NoStarAction
	}
	name, ok := strings.CutPrefix(strings.ToLower(action), "s3:")
	if !ok || name == "" {
		return false
	}
	fits := func(known string) bool {
		if traits.NoAttributesAction && strings.HasSuffix(known, "Attributes") {
			return false
		}
		return known != "" && wildcard(name, strings.ToLower(known))
	}
	for _, known := range objectActions {
		if fits(known) {
			return true
		}
	}
	for _, a := range bucketActions {
		if fits(a.get) || fits(a.put) || fits(a.remove) {
			return true
		}
	}
	return false
}
