package s3state

import (
	"bytes"
	"encoding/json"
	"strings"
)

// targetActions is all that the host may do.
var targetActions = []string{
	"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:GetBucketAcl", "s3:GetBucketPolicy",
	"s3:ListBucketVersions", "s3:GetBucketVersioning",
}

// deniedActions are what a Deny may take from the host. Servers that consult the ACL of
// an object before the policy, as Ceph RGW does, give its writer rights that only a
// Deny takes away. No backup needs them.
var deniedActions = []string{
	"s3:GetObjectVersion", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging", "s3:DeleteObjectVersion",
	"s3:DeleteObjectVersionTagging", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutObjectVersionTagging",
	"s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:BypassGovernanceRetention",
	// A lifecycle rule that selects by tags would have the server destroy what the host
	// tags.
	"s3:PutObjectTagging", "s3:DeleteObjectTagging",
}

type policyDocument struct {
	Version   string            `json:"Version"`
	Statement []policyStatement `json:"Statement"`
}

type policyStatement struct {
	Sid       string              `json:"Sid,omitempty"`
	Effect    string              `json:"Effect"`
	Principal map[string][]string `json:"Principal,omitempty"`
	Except    map[string][]string `json:"NotPrincipal,omitempty"`
	Action    []string            `json:"Action"`
	Resource  []string            `json:"Resource"`
	Condition condition           `json:"Condition,omitempty"`
}

func resources(bucket string) []string {
	return []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"}
}

func adminStatement(bucket, admin string) policyStatement {
	return policyStatement{Effect: "Allow", Principal: map[string][]string{"AWS": {admin}}, Action: []string{"*"}, Resource: resources(bucket)}
}

// bucketPolicy is the policy of a policed bucket: everything for the admin,
// targetActions for the host, and where the server needs it a denial.
func bucketPolicy(bucket, admin, target string, more ...policyStatement) string {
	return encodePolicy(append([]policyStatement{adminStatement(bucket, admin), {
		Effect: "Allow", Principal: map[string][]string{"AWS": {target}}, Action: targetActions, Resource: resources(bucket),
	}}, more...)...)
}

// denial forbids what the server lets the host do although no statement allows it.
func denial(bucket, target string) policyStatement {
	return policyStatement{Effect: "Deny", Principal: map[string][]string{"AWS": {target}}, Action: deniedActions, Resource: resources(bucket)}
}

func encodePolicy(statements ...policyStatement) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// Strings and slices of strings cannot fail to encode.
	_ = e.Encode(policyDocument{Version: "2012-10-17", Statement: statements})
	return strings.TrimSpace(b.String())
}
