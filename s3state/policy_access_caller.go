package s3state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/cesnet/rwm/internal/s3err"
)

// callerWait bounds the question of who the caller is: without an answer the role is
// told by its rights.
const callerWait = 5 * time.Second

// callerOnAWS asks AWS's STS whose credentials these are; "" elsewhere, or without an
// answer. Every identity may ask that, and nothing else on AWS says it: S3 knows only
// the account.
func (s *Store) callerOnAWS(ctx context.Context) (arn string, err error) {
	host, region := stsOf(s.client.EndpointURL().Hostname())
	if host == "" {
		return "", nil
	}
	creds, err := s.client.GetCreds()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callerWait)
	defer cancel()
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+"/", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if creds.SessionToken != "" {
		req.Header.Set("X-Amz-Security-Token", creds.SessionToken)
	}
	req = signer.SignV4STS(*req, creds.AccessKeyID, creds.SecretAccessKey, region)
	resp, err := (&http.Client{Transport: s.client.CredContext().Client.Transport}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", err
	}
	var answer struct {
		Result struct{ Arn string } `xml:"GetCallerIdentityResult"`
	}
	if resp.StatusCode != http.StatusOK || xml.Unmarshal(text, &answer) != nil {
		return "", fmt.Errorf("%s: %s: %s", host, resp.Status, s3err.Clip(string(text)))
	}
	return answer.Result.Arn, nil
}

// stsOf is the STS beside one of AWS's endpoints, and its region; "" for others.
func stsOf(endpoint string) (host, region string) {
	const domain = ".amazonaws.com"
	china := ""
	name, ok := strings.CutSuffix(strings.ToLower(endpoint), domain)
	if !ok {
		china = ".cn"
		if name, ok = strings.CutSuffix(strings.ToLower(endpoint), domain+china); !ok {
			return "", ""
		}
	}
	// s3, s3.REGION, s3.dualstack.REGION, s3-fips.REGION, s3-REGION
	labels := strings.Split(name, ".")
	region = labels[len(labels)-1]
	switch {
	case region == "s3" || region == "s3-external-1":
		return "sts" + domain + china, "us-east-1"
	case strings.HasPrefix(region, "s3-"):
		region = strings.TrimPrefix(region, "s3-")
	case !strings.HasPrefix(labels[0], "s3"):
		return "", "" // no S3
	}
	return "sts." + region + domain + china, region
}

// callerIs reports whether who STS names is the principal of a policy. A session of a
// role is the role, whose path STS leaves out; the root user of an account is that
// account.
func callerIs(caller, principal string) bool {
	who, what := strings.SplitN(caller, ":", 6), strings.SplitN(principal, ":", 6)
	if len(who) < 6 || len(what) < 6 || who[4] == "" || who[4] != what[4] {
		return false
	}
	if session, ok := strings.CutPrefix(who[5], "assumed-role/"); ok {
		role, _, _ := strings.Cut(session, "/")
		return strings.HasPrefix(what[5], "role/") && shortName(what[5]) == role
	}
	return who[5] == what[5]
}

// rootOf reports whether the caller is the root user of a principal's account.
func rootOf(caller, principal string) bool {
	parts := strings.SplitN(caller, ":", 6)
	return len(parts) == 6 && parts[5] == "root" && parts[4] != "" && parts[4] == tenantOf(principal)
}
