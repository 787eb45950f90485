package restic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/restic/chunker"

	"github.com/cesnet/rwm/internal/buckets"
	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// Init makes a repository with one key that opens with password, and opens it. A bucket
// must exist already unless WithNewBucket is given; a directory is created.
//
// If there is already a config, a key or a snapshot, Init returns ErrExists and changes
// nothing; where the bucket's history holds a deleted repository it returns
// ErrRepositoryGone, unless WithFreshStart is given.
func Init(ctx context.Context, loc Location, password string, opts ...Option) (*Session, error) {
	o, err := newOptionsAt(loc, opts)
	if err != nil {
		return nil, err
	}
	if _, past := loc.(*asOfLocation); past || o.readOnly {
		return nil, fmt.Errorf("%s: %w", loc, ErrReadOnly)
	}
	if password == "" && !o.noPassword {
		return nil, fmt.Errorf("%s: an empty password protects nothing; nothing was made", loc)
	}
	defer o.events.Rethrow()
	s, err := initialize(ctx, loc, o, password)
	return s, explain(loc, err)
}

func initialize(ctx context.Context, loc Location, o options, password string) (*Session, error) {
	// check before anything is created, even a directory
	look, err := newStack(ctx, loc, &o, false)
	if err != nil {
		return nil, err
	}
	err = refuseExisting(ctx, loc, look)
	if err == nil && !o.freshStart {
		err = gone(ctx, loc, &o)
	}
	_ = look.Close()
	if s3, ok := loc.(*s3Location); ok && o.newBucket && errors.Is(explain(loc, err), ErrNoBucket) {
		err = s3.makeBucket(ctx, &o)
	}
	if err != nil {
		return nil, err
	}
	polynomial, err := o.polynomial(ctx)
	if err != nil {
		return nil, err
	}
	stack, err := newStack(ctx, loc, &o, true)
	if err != nil {
		return nil, err
	}
	sole := &soleInit{Backend: stack, loc: loc}
	view := &keyView{Backend: sole}
	view.done.Store(true)
	repo, err := engrepository.New(view, o.engine())
	if err == nil {
		err = repo.Init(ctx, o.version, password, polynomial)
	}
	if err != nil {
		if sole.key == "" {
			if there := refuseExisting(ctx, loc, stack); errors.Is(there, ErrExists) {
				err = there // made meanwhile
			}
		}
		_ = stack.Close()
		return nil, err
	}
	// reading the config back also proves that the new repository can be read
	s, err := reopen(ctx, loc, stack, o, repo)
	if err != nil {
		_ = stack.Close()
	}
	return s, err
}

// polynomial determines where files are cut; nil means a random one.
func (o *options) polynomial(ctx context.Context) (*chunker.Pol, error) {
	if o.chunkerOf == nil {
		return nil, nil
	}
	raw, err := o.chunkerOf.Cat(ctx, ObjectConfig, "")
	if err != nil {
		return nil, err
	}
	var config struct {
		ChunkerPolynomial chunker.Pol `json:"chunker_polynomial"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("%s: reading the config: %w", o.chunkerOf.Location(), err)
	}
	return &config.ChunkerPolynomial, nil
}

func reopen(ctx context.Context, loc Location, stack *tracker, o options, repo *engrepository.Repository) (*Session, error) {
	k, err := wrapMaster(repo.Key(), nil)
	if err != nil {
		return nil, err
	}
	view := &keyView{Backend: stack, name: k.name, raw: k.raw}
	again, err := openWithKey(ctx, view, o.engine(), k.password)
	if err != nil {
		return nil, fmt.Errorf("reading back the new repository: %w", err)
	}
	k.config = view.config
	return newSession(loc, stack, o, &opened{again, k, KeyInfo{ID: ID(repo.KeyID())}})
}

// refuseExisting looks for a config, keys and snapshots.
func refuseExisting(ctx context.Context, loc Location, be engbackend.Backend) error {
	_, err := be.Stat(ctx, engbackend.Handle{Type: engbackend.ConfigFile})
	if err == nil {
		return fmt.Errorf("%s: %w; nothing was changed", loc, ErrExists)
	}
	if !be.IsNotExist(err) {
		return err
	}
	for _, t := range []engbackend.FileType{engbackend.KeyFile, engbackend.SnapshotFile} {
		err := be.List(ctx, t, func(fi engbackend.FileInfo) error {
			return fmt.Errorf("%s: %w: the config is missing, but there is %s; nothing was changed", loc, ErrExists, objectName(engbackend.Handle{Type: t, Name: fi.Name}))
		})
		if err != nil && !be.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// BucketMade reports that Init made the bucket, which has no versioning and no policy.
type BucketMade struct{ Bucket string }

func (BucketMade) event() {}

func (l *s3Location) makeBucket(ctx context.Context, o *options) error {
	// Not every server says so: Ceph answers that there is no such bucket.
	if err := s3utils.CheckValidBucketNameStrict(l.bucket); err != nil {
		return fmt.Errorf("%s: the bucket's name is not valid: %w; nothing was made", l, err)
	}
	if err := buckets.Make(ctx, l.client, l.bucket, minio.MakeBucketOptions{}); err != nil {
		return fmt.Errorf("%s: %w, and making it failed: %w; nothing was made", l, ErrNoBucket, explain(l, err))
	}
	if o.events != nil {
		o.events.Emit(BucketMade{l.bucket})
	}
	return nil
}
