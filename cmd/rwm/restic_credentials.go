package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/rwm"
)

// s3Credentials returns the configured credentials for the configured endpoint, and for
// any other endpoint those that restic would find. No endpoint is sent a secret that
// was configured for another one.
func s3Credentials(endpoint *url.URL, cfg *rwm.Config, options resticflags.S3, transport http.RoundTripper) (*credentials.Credentials, error) {
	place := endpoint.Scheme + "://" + endpoint.Host
	switch {
	case options.Anonymous:
		return credentials.New(&credentials.Static{}), nil
	case strings.TrimRight(cfg.S3EndpointURL, "/") == place:
		return credentials.NewStaticV4(cfg.S3AccessKey, cfg.S3SecretKey, ""), nil
	}
	creds := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.EnvMinio{}, &credentials.FileAWSCredentials{}, &credentials.FileMinioClient{},
		// A role of the machine or the container. Where there is none, the request may
		// stay unanswered.
		&credentials.IAM{Client: &http.Client{Transport: transport, Timeout: metadataTimeout}},
	})
	found, err := creds.GetWithContext(nil)
	if err != nil || found.SignerType.IsAnonymous() {
		return nil, usageError{fmt.Errorf("s3 repository: %s is not the configured endpoint, so $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY are needed, "+
			"a credentials file, a role of the machine, or -o s3.unsafe-anonymous-auth=true", place)}
	}
	if os.Getenv("RESTIC_AWS_ASSUME_ROLE_ARN") == "" {
		return creds, nil
	}
	return assumedRole(found, options.Region, transport)
}

// metadataTimeout is how long a machine without a role waits to learn that.
const metadataTimeout = 5 * time.Second

// assumedRole changes credentials for those of a role, as restic's variables say.
func assumedRole(own credentials.Value, region string, transport http.RoundTripper) (*credentials.Credentials, error) {
	variable := func(name string) string { return os.Getenv("RESTIC_AWS_ASSUME_ROLE_" + name) }
	region = cmp.Or(variable("REGION"), region)
	creds := credentials.New(&credentials.STSAssumeRole{
		Client:      &http.Client{Transport: transport},
		STSEndpoint: cmp.Or(variable("STS_ENDPOINT"), stsEndpoint(region)),
		Options: credentials.STSAssumeRoleOptions{
			AccessKey: own.AccessKeyID, SecretKey: own.SecretAccessKey, SessionToken: own.SessionToken,
			RoleARN: variable("ARN"), RoleSessionName: variable("SESSION_NAME"), ExternalID: variable("EXTERNAL_ID"),
			Policy: variable("POLICY"), Location: region,
		},
	})
	if _, err := creds.GetWithContext(nil); err != nil {
		return nil, fmt.Errorf("s3 repository: the role %s could not be assumed: %w", variable("ARN"), err)
	}
	return creds, nil
}

// stsEndpoint is where AWS gives out the credentials of roles.
func stsEndpoint(region string) string {
	switch {
	case region == "":
		return "https://sts.amazonaws.com"
	case strings.HasPrefix(region, "cn-"):
		return "https://sts." + region + ".amazonaws.com.cn"
	}
	return "https://sts." + region + ".amazonaws.com"
}
