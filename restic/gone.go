package restic

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// ErrRepositoryGone: there is no repository now, but the bucket's history holds the
// config of one, so it was deleted; the error is a *GoneError. It is an
// ErrNoRepository, too. Init makes no new one unless WithFreshStart is given: that
// would hide the loss.
var ErrRepositoryGone = s3err.Kind("the repository was deleted", ErrNoRepository)

// GoneError says what is left of a deleted repository in the bucket's history.
// errors.Is(err, ErrRepositoryGone) is true.
type GoneError struct {
	Location string
	// Versions are the versions of the config that are still there, newest first, the
	// latest ten.
	Versions []ObjectVersion
}

// Error names the versions and what to do.
func (e *GoneError) Error() string {
	var list strings.Builder
	for i, v := range e.Versions {
		if i > 0 {
			list.WriteString(", ")
		}
		fmt.Fprintf(&list, "%s version %s of %s", v.Key, v.VersionID, v.LastModified.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s: %v. Its versions are there: %s. Nothing was changed. Find out who deleted it (storage-history), read it as it was (--at), "+
		"and rebuild it (storage-restore-state); or ask for a new repository in its place", e.Location, ErrRepositoryGone, list.String())
}

// Unwrap makes errors.Is true for ErrRepositoryGone and ErrNoRepository.
func (e *GoneError) Unwrap() error { return ErrRepositoryGone }

// WithFreshStart lets Init make a new repository in a bucket whose history holds a
// deleted one. What is left of the deleted one stays in the history.
func WithFreshStart() Option { return func(o *options) { o.freshStart = true } }

const (
	goneTime     = 10 * time.Second // for the look into the history
	goneVersions = 10               // that the error names
)

// gone returns a GoneError if the location's history holds a config. A history that
// cannot be read tells nothing.
func gone(ctx context.Context, loc Location, o *options) error {
	l, ok := loc.(*s3Location)
	if !ok || l.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	key := newS3Backend(l, o).layout.Filename(engbackend.Handle{Type: engbackend.ConfigFile})
	history := s3versions.New(l.client, s3versions.WithParallel(1), s3versions.WithRequestTimeout(goneTime), s3versions.WithRetries(2, 250*time.Millisecond))
	e := &GoneError{Location: loc.String()}
	for v, err := range history.Versions(ctx, l.bucket, key) {
		if err != nil {
			o.logger.Debug("the bucket's history cannot be read", "location", loc.String(), "error", oneLine(err))
			break
		}
		if v.Key != key || len(e.Versions) == goneVersions {
			break // it is in the order of keys
		}
		if !v.DeleteMarker {
			e.Versions = append(e.Versions, ObjectVersion{Key: v.Key, VersionID: v.VersionID, Size: v.Size, LastModified: v.LastModified})
		}
	}
	if len(e.Versions) == 0 {
		return nil
	}
	return e
}

// orGone replaces the error for a missing repository if it was deleted.
func orGone(ctx context.Context, loc Location, o *options, err error) error {
	if !errors.Is(err, ErrNoRepository) || errors.Is(err, ErrNoBucket) {
		return err
	}
	if deleted := gone(ctx, loc, o); deleted != nil {
		return deleted
	}
	return err
}
