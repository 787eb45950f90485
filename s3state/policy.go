package s3state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// targetActions is all that the host may do: the contract's list.
var targetActions = []string{
	"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:GetBucketAcl", "s3:GetBucketPolicy",
	"s3:ListBucketVersions", "s3:GetBucketVersioning",
}

// deniedActions are what a Deny may take from the host beyond what it never was given:
// servers that ask the ACL of an object before the policy, as Ceph RGW does, give
// who wrote it rights that only a Deny takes away. None of it is needed for a
// backup.
var deniedActions = []string{
	"s3:GetObjectVersion", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging", "s3:DeleteObjectVersion",
	"s3:DeleteObjectVersionTagging", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutObjectVersionTagging",
	"s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:BypassGovernanceRetention",
}

type policyDocument struct {
	Version   string            `json:"Version"`
	Statement []policyStatement `json:"Statement"`
}

type policyStatement struct {
	Sid       string              `json:"Sid,omitempty"`
	Effect    string              `json:"Effect"`
	Principal map[string][]string `json:"Principal"`
	Action    []string            `json:"Action"`
	Resource  []string            `json:"Resource"`
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

// denial forbids the host what the server would let it do though no statement
// allows it.
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

// stringOrList is JSON's "a" or ["a", "b"].
type stringOrList []string

func (l *stringOrList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = stringOrList{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// grant is one statement as it was read.
type grant struct {
	sid        string
	effect     string
	principals []string // "*" for everybody
	actions    []string
	resources  []string
	other      []string // elements that narrow, widen or invert the statement
}

// readPolicy reads a bucket policy as S3 and RGW allow it to be written.
func readPolicy(policy []byte) ([]grant, error) {
	// The original's saved states may hold the policy as a string of JSON.
	var quoted string
	if json.Unmarshal(policy, &quoted) == nil {
		policy = []byte(quoted)
	}
	var doc struct {
		Statement json.RawMessage
	}
	if err := json.Unmarshal(policy, &doc); err != nil {
		return nil, fmt.Errorf("the policy is not JSON: %v", err)
	}
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(doc.Statement, &raw); err != nil {
		var one map[string]json.RawMessage
		if err := json.Unmarshal(doc.Statement, &one); err != nil {
			return nil, fmt.Errorf("the policy has no statements: %v", err)
		}
		raw = append(raw, one)
	}
	grants := make([]grant, 0, len(raw))
	for i, st := range raw {
		g, err := readStatement(st)
		if err != nil {
			return nil, fmt.Errorf("statement %d: %v", i+1, err)
		}
		grants = append(grants, g)
	}
	return grants, nil
}

func readStatement(st map[string]json.RawMessage) (grant, error) {
	var g grant
	for name, value := range st {
		var err error
		switch name {
		case "Sid":
			err = json.Unmarshal(value, &g.sid)
		case "Effect":
			err = json.Unmarshal(value, &g.effect)
		case "Action":
			err = json.Unmarshal(value, (*stringOrList)(&g.actions))
		case "Resource":
			err = json.Unmarshal(value, (*stringOrList)(&g.resources))
		case "Principal":
			g.principals, err = readPrincipal(value)
		default:
			g.other = append(g.other, name)
		}
		if err != nil {
			return grant{}, fmt.Errorf("%s: %v", clip(name), err)
		}
	}
	slices.Sort(g.other)
	return g, nil
}

func readPrincipal(value json.RawMessage) ([]string, error) {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return []string{text}, nil
	}
	var kinds map[string]stringOrList
	d := json.NewDecoder(bytes.NewReader(value))
	if err := d.Decode(&kinds); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("trailing data")
	}
	var all []string
	for kind, names := range kinds {
		for _, n := range names {
			if kind != "AWS" {
				n = kind + ":" + n
			}
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// userARN is how policies of Ceph RGW (and AWS, where the tenant is the
// account) name a user.
func userARN(tenant, name string) string { return "arn:aws:iam::" + tenant + ":user/" + name }

// ownerPrincipal turns the owner id of a bucket on Ceph RGW, TENANT$USER or
// USER, into the principal's ARN. The long hexadecimal ids of AWS say nothing
// about the principal.
func ownerPrincipal(id string) (arn string, ok bool) {
	if id == "" || canonicalID(id) || strings.HasPrefix(id, "arn:") {
		return id, strings.HasPrefix(id, "arn:")
	}
	tenant, name, found := strings.Cut(id, "$")
	if !found {
		tenant, name = "", id
	}
	return userARN(tenant, name), name != ""
}

func canonicalID(id string) bool {
	if len(id) != 64 {
		return false
	}
	return strings.Trim(id, "0123456789abcdef") == ""
}

// tenantOf is the tenant (or AWS account) in a user's ARN.
func tenantOf(principal string) string {
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// shortName is the user's name without the rest of the ARN.
func shortName(principal string) string {
	if i := strings.LastIndexByte(principal, '/'); i >= 0 {
		return principal[i+1:]
	}
	return principal
}

// oneUser tells the ARN of a single user or role from that of a whole account
// (…:root), a group or a pattern.
func oneUser(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || strings.ContainsAny(arn, "*? \t\r\n\"") || shortName(arn) == "" {
		return false
	}
	return strings.HasPrefix(parts[5], "user/") || strings.HasPrefix(parts[5], "role/")
}

// targetPrincipal is the principal of a user given by name, in the admin's
// tenant, or of one given as an ARN.
func targetPrincipal(user, admin string) (string, error) {
	if strings.HasPrefix(user, "arn:") {
		if !oneUser(user) {
			return "", fmt.Errorf("%w: %q is not the ARN of one user, arn:aws:iam::TENANT:user/NAME", ErrInvalid, user)
		}
		return user, nil
	}
	if user == "" || strings.ContainsAny(user, "*?$:/ \t\r\n\"\\<>&") {
		return "", fmt.Errorf("%w: %q is not a user name; give the name without its tenant, or an ARN", ErrInvalid, user)
	}
	if !strings.HasPrefix(admin, "arn:") {
		return "", fmt.Errorf("%w: give the target user as an ARN, for the admin's principal %q is none", ErrInvalid, admin)
	}
	return userARN(tenantOf(admin), user), nil
}
