package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
	englocal "github.com/restic/restic/rwmlink/local"
)

// Location is where a repository lives. S3 and Local make one.
type Location interface {
	// String names the location in messages: s3:https://host/bucket/prefix or a path.
	String() string

	// backend returns the innermost layer. With create set it makes what Init needs, a
	// directory for instance.
	backend(ctx context.Context, o *options, create bool) (engbackend.Backend, error)
}

// S3 is a repository in a bucket, below prefix (usually empty). All requests go through
// the given client, which the caller may share; its transport, credentials, region and
// retries apply. The bucket must exist.
func S3(client *minio.Client, bucket, prefix string) Location {
	return &s3Location{client: client, bucket: bucket, prefix: prefix}
}

// Local is a repository in a directory of this host. Init creates the directory.
func Local(dir string) Location { return localLocation(dir) }

type localLocation string

func (l localLocation) String() string { return string(l) }

func (l localLocation) backend(ctx context.Context, o *options, create bool) (engbackend.Backend, error) {
	if l == "" {
		return nil, fmt.Errorf("the directory of the repository is not given")
	}
	dir, err := filepath.Abs(string(l))
	if err != nil {
		return nil, err
	}
	// a missing directory is reported later, as a missing repository
	if fi, err := os.Stat(dir); err == nil && !fi.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", l)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	cfg := englocal.NewConfig()
	cfg.Path = dir
	cfg.Connections = o.connections
	quiet := func(string, ...interface{}) {}
	if create {
		return englocal.Create(ctx, cfg, quiet)
	}
	return englocal.Open(ctx, cfg, quiet)
}
