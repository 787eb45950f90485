package main

import (
	"errors"
	"fmt"

	"github.com/cesnet/rwm/s3tool"
)

// s3Cmd is `rwm s3`: the low-level work around backups, for machines without the AWS
// CLI.
type s3Cmd struct {
	Ls       s3LsCmd       `cmd:"" help:"List buckets, or the objects of one."`
	Cp       s3CpCmd       `cmd:"" help:"Copy files and objects; run an interrupted copy again to continue it."`
	Rm       s3RmCmd       `cmd:"" help:"Remove objects, or versions for good."`
	Cat      s3CatCmd      `cmd:"" help:"Write an object to standard output."`
	Stat     s3StatCmd     `cmd:"" help:"Describe an object."`
	Versions s3VersionsCmd `cmd:"" help:"List every version and delete marker."`
	Mb       s3MbCmd       `cmd:"" help:"Make a bucket; one for backups is made by storage-create."`
	Rb       s3RbCmd       `cmd:"" help:"Remove an empty bucket."`
}

func (s3Cmd) Help() string {
	return `Places are written s3://BUCKET or s3://BUCKET/KEY. Keys are taken as they are: no
wildcards, no escapes.

  rwm s3 ls s3://backups/snapshots/
  rwm s3 versions s3://backups/rwm/
  rwm s3 cp --version-id ID s3://backups/config old-config
  rwm s3 cp --recursive /srv/dump s3://backups/dump
  mysqldump db | rwm s3 cp - s3://backups/db.sql`
}

// s3Version is the flag of what works on one version.
type s3Version struct {
	VersionID string `help:"This version of the object instead of the current one." placeholder:"ID"`
}

func (a *app) s3() (*s3tool.Tool, error) {
	m, err := a.manager(nil)
	if err != nil {
		return nil, err
	}
	return s3tool.New(m.Client(), s3tool.WithVersions(m.Storage().Client())), nil
}

// onObject opens the tool and reads a place for a command on it.
func (a *app) onObject(place, version string) (*s3tool.Tool, s3tool.Location, error) {
	at, err := s3tool.ParseLocation(place)
	if err != nil {
		return nil, at, usageError{err}
	}
	at.VersionID = version
	tool, err := a.s3()
	return tool, at, err
}

func (a *app) onBucket(place string) (*s3tool.Tool, string, error) {
	tool, at, err := a.onObject(place, "")
	if err == nil && at.Key != "" {
		err = usageError{fmt.Errorf("%s is more than a bucket: write s3://%s", at, at.Bucket)}
	}
	return tool, at.Bucket, err
}

// s3Failed makes wrong arguments an error of the command line, and lists every object
// that failed; the error itself names only the first ones.
func (a *app) s3Failed(err error) error {
	a.bar.end()
	var partial *s3tool.PartialError
	switch {
	case errors.Is(err, s3tool.ErrInvalid) && !errors.As(err, &partial):
		return usageError{err}
	case errors.As(err, &partial) && len(partial.Failed) > 3:
		for _, f := range partial.Failed {
			a.s3Problem(f)
		}
	}
	return err
}

func (a *app) s3Problem(err error) {
	if a.cli.JSON {
		_ = emitTo(a.stderr, map[string]string{"message_type": "error", "message": err.Error()})
		return
	}
	a.warn("  %v", err)
}
