package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/internal/s3config"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

// repositoryName reads -r and --repository-file; "" means neither.
func repositoryName(ctx context.Context, name, file string) (string, error) {
	if file == "" {
		return name, nil
	}
	if name != "" {
		return "", errors.New("-r and --repository-file cannot be used together")
	}
	text, err := resticflags.ReadText(ctx, file)
	if err != nil {
		return "", fmt.Errorf("repository file: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// notLinked are restic's backends that need a program or a library of their own.
var notLinked = []string{"sftp", "rest", "b2", "azure", "gs", "swift", "rclone"}

// location understands what restic takes after -r, as far as it is linked.
func (a *app) location(name string, cfg *rwm.Config, options resticflags.S3) (restic.Location, error) {
	scheme, rest, found := strings.Cut(name, ":")
	// A misspelt file is an error for every repository, as with restic. It may be a
	// pipe: it is read once.
	if a.cli.Restic.HTTP.Given() && scheme != "s3" {
		if _, err := a.transport(cfg); err != nil {
			return nil, err
		}
	}
	switch {
	case !found || strings.ContainsAny(scheme, `/\`) || len(scheme) == 1:
		return restic.Local(name), nil
	case scheme == "local":
		return restic.Local(rest), nil
	case scheme == "s3":
		return a.s3Location(rest, cfg, options)
	case slices.Contains(notLinked, scheme):
		return nil, usageError{fmt.Errorf("repositories of the kind %s: are not supported here, only local paths and s3:https://HOST/BUCKET", scheme)}
	}
	return nil, usageError{fmt.Errorf("%q is not a repository: use a local path, local:PATH or s3:https://HOST/BUCKET/PREFIX", name)}
}

// s3Location reads s3:https://host/bucket/prefix, s3:host/bucket and s3://host/bucket.
func (a *app) s3Location(name string, cfg *rwm.Config, options resticflags.S3) (restic.Location, error) {
	if !strings.HasPrefix(name, "http://") && !strings.HasPrefix(name, "https://") {
		name = "https://" + strings.TrimPrefix(name, "//")
	}
	u, err := url.Parse(name)
	if err != nil {
		// The error would repeat what may be a password, from a repository file.
		return nil, usageError{errors.New("s3 repository: it is not a URL like s3:https://HOST/BUCKET/PREFIX")}
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if u.Host == "" || bucket == "" {
		return nil, usageError{errors.New("s3 repository: HOST and BUCKET are needed, as in s3:https://HOST/BUCKET/PREFIX")}
	}
	transport, err := a.transport(cfg)
	if err != nil {
		return nil, err
	}
	options.Region = cmp.Or(options.Region, os.Getenv("AWS_DEFAULT_REGION"))
	creds, err := s3Credentials(u, cfg, options, transport)
	if err != nil {
		return nil, err
	}
	client, err := s3Client(u, creds, transport, options)
	if err != nil {
		return nil, err
	}
	return restic.S3(client, bucket, prefix), nil
}

func s3Client(endpoint *url.URL, creds *credentials.Credentials, transport http.RoundTripper, options resticflags.S3) (*minio.Client, error) {
	client, err := minio.New(endpoint.Host, options.MinioOptions(minio.Options{
		Creds: creds, Secure: endpoint.Scheme == "https", Transport: reqctx.RepeatLocation(transport),
	}))
	if err != nil {
		return nil, usageError{fmt.Errorf("s3 repository: %w", err)}
	}
	return client, nil
}

// configuredClient is the client of the configuration, reached as -o s3.… says.
func configuredClient(cfg *rwm.Config, transport http.RoundTripper, options resticflags.S3) (*minio.Client, error) {
	if err := requireS3(cfg); err != nil {
		return nil, err
	}
	u, err := s3config.Endpoint(cfg.S3EndpointURL)
	if err != nil {
		return nil, err
	}
	creds, err := s3Credentials(u, cfg, options, transport)
	if err != nil {
		return nil, err
	}
	return s3Client(u, creds, transport, options)
}
