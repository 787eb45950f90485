package s3dev

import "github.com/gofiber/fiber/v3"

// bucketActions are the actions of a bucket's subresources by method.
var bucketActions = []struct{ query, get, put, remove string }{
	{"location", "GetBucketLocation", "", ""},
	{"tagging", "GetBucketTagging", "PutBucketTagging", "PutBucketTagging"},
	{"ownershipControls", "GetBucketOwnershipControls", "PutBucketOwnershipControls", "PutBucketOwnershipControls"},
	{"versioning", "GetBucketVersioning", "PutBucketVersioning", ""},
	{"policy", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"},
	{"policyStatus", "GetBucketPolicyStatus", "", ""},
	{"cors", "GetBucketCORS", "PutBucketCORS", "PutBucketCORS"},
	{"object-lock", "GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration", ""},
	{"acl", "GetBucketAcl", "PutBucketAcl", ""},
	{"uploads", "ListBucketMultipartUploads", "", ""},
	{"versions", "ListBucketVersions", "", ""},
	{"analytics", "GetAnalyticsConfiguration", "PutAnalyticsConfiguration", "PutAnalyticsConfiguration"},
	{"encryption", "GetEncryptionConfiguration", "PutEncryptionConfiguration", "PutEncryptionConfiguration"},
	{"intelligent-tiering", "GetIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration"},
	{"inventory", "GetInventoryConfiguration", "PutInventoryConfiguration", "PutInventoryConfiguration"},
	{"lifecycle", "GetLifecycleConfiguration", "PutLifecycleConfiguration", "PutLifecycleConfiguration"},
	{"logging", "GetBucketLogging", "PutBucketLogging", ""},
	{"requestPayment", "GetBucketRequestPayment", "PutBucketRequestPayment", ""},
	{"metrics", "GetMetricsConfiguration", "PutMetricsConfiguration", "PutMetricsConfiguration"},
	{"replication", "GetReplicationConfiguration", "PutReplicationConfiguration", "PutReplicationConfiguration"},
	{"publicAccessBlock", "GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock", "PutBucketPublicAccessBlock"},
	{"notification", "GetBucketNotification", "PutBucketNotification", ""},
	{"accelerate", "GetAccelerateConfiguration", "PutAccelerateConfiguration", ""},
	{"website", "GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"},
}

// actions are what a policy has to allow for the request, its copy source
// left aside.
func (m *memory) actions(q *caller) []string {
	if q.key == "" {
		for _, a := range bucketActions {
			if !q.has(a.query) {
				continue
			}
			action := map[string]string{
				fiber.MethodGet: a.get, fiber.MethodPut: a.put, fiber.MethodDelete: a.remove,
			}[q.method]
			if action != "" {
				return []string{"s3:" + action}
			}
		}
		switch q.method {
		case fiber.MethodDelete:
			return []string{"s3:DeleteBucket"}
		case fiber.MethodPost:
			if q.has("delete") && m.traits.BatchNeedsBucket {
				return []string{"s3:DeleteObject"}
			}
			return nil // judged key by key
		case fiber.MethodPut:
			return []string{"s3:CreateBucket"}
		}
		return []string{"s3:ListBucket"}
	}
	versioned := func(plain, version string) []string {
		if q.versionID != "" {
			return []string{version}
		}
		return []string{plain}
	}
	switch q.method {
	case fiber.MethodGet, fiber.MethodHead:
		switch {
		case q.has("tagging"):
			return versioned("s3:GetObjectTagging", "s3:GetObjectVersionTagging")
		case q.has("retention"):
			return []string{"s3:GetObjectRetention"}
		case q.has("legal-hold"):
			return []string{"s3:GetObjectLegalHold"}
		case q.has("acl"):
			return versioned("s3:GetObjectAcl", "s3:GetObjectVersionAcl")
		case q.has("uploadId"):
			return []string{"s3:ListMultipartUploadParts"}
		case q.has("attributes") && !m.traits.NoAttributesAction:
			own := versioned("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes")
			if m.traits.FreeAttributes {
				return own
			}
			return append(own, versioned("s3:GetObject", "s3:GetObjectVersion")...)
		}
		return versioned("s3:GetObject", "s3:GetObjectVersion")
	case fiber.MethodDelete:
		switch {
		case q.has("tagging"):
			return versioned("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging")
		case q.has("uploadId"):
			return []string{"s3:AbortMultipartUpload"}
		}
		return versioned("s3:DeleteObject", "s3:DeleteObjectVersion")
	case fiber.MethodPost:
		switch {
		case q.has("restore"):
			return []string{"s3:RestoreObject"}
		case q.has("select"):
			return versioned("s3:GetObject", "s3:GetObjectVersion")
		}
	case fiber.MethodPut:
		switch {
		case q.has("tagging"):
			return versioned("s3:PutObjectTagging", "s3:PutObjectVersionTagging")
		case q.has("retention"):
			return []string{"s3:PutObjectRetention"}
		case q.has("legal-hold"):
			return []string{"s3:PutObjectLegalHold"}
		case q.has("acl"):
			return versioned("s3:PutObjectAcl", "s3:PutObjectVersionAcl")
		}
	}
	out := []string{"s3:PutObject"}
	if q.c.Get("X-Amz-Tagging") != "" {
		out = append(out, "s3:PutObjectTagging")
	}
	if !m.traits.FreeLockHeaders {
		if q.c.Get(lockModeHeader) != "" || q.c.Get(lockUntilHeader) != "" {
			out = append(out, "s3:PutObjectRetention")
		}
		if q.c.Get(lockHoldHeader) != "" {
			out = append(out, "s3:PutObjectLegalHold")
		}
	}
	return out
}
