package restic

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/restic/chunker"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/repository"
)

// Init makes a repository with one key that opens with password, and opens it. A bucket must exist already; a directory is created.
//
// Where there is a config, a key or a snapshot already, Init returns ErrExists and changes nothing.
func Init(ctx context.Context, loc Location, password string, opts ...Option) (*Session, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loc, err)
	}
	if _, past := loc.(*asOfLocation); past || o.readOnly {
		return nil, fmt.Errorf("%s: %w", loc, ErrReadOnly)
	}
	if password == "" && !o.noPassword {
		return nil, fmt.Errorf("%s: an empty password protects nothing; nothing was made", loc)
	}
	s, err := initialize(ctx, loc, o, password)
	return s, explain(loc, err)
}

func initialize(ctx context.Context, loc Location, o options, password string) (*Session, error) {
	// look before anything is made, not even a directory
	look, err := newStack(ctx, loc, &o, false)
	if err != nil {
		return nil, err
	}
	err = refuseExisting(ctx, loc, look)
	_ = look.Close()
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
	view := &keyView{Backend: stack}
	view.done.Store(true)
	repo, err := repository.New(view, o.engine())
	if err == nil {
		err = repo.Init(ctx, o.version, password, polynomial)
	}
	if err != nil {
		_ = stack.Close()
		return nil, err
	}
	// the config is read back, which also shows that what was written can be read
	s, err := reopen(ctx, loc, stack, o, repo)
	if err != nil {
		_ = stack.Close()
	}
	return s, err
}

// polynomial says where files are cut; nil leaves it to chance.
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

func reopen(ctx context.Context, loc Location, stack *tracker, o options, repo *repository.Repository) (*Session, error) {
	k, err := wrapMaster(repo.Key(), nil)
	if err != nil {
		return nil, err
	}
	view := &keyView{Backend: stack, name: k.name, raw: k.raw}
	again, err := openWithKey(ctx, view, o.engine(), k.password)
	if err != nil {
		return nil, fmt.Errorf("reading back the new repository: %w", err)
	}
	s, err := newSession(loc, stack, o, again, view.config)
	if err == nil {
		keyID := ID(repo.KeyID())
		s.keyID.Store(&keyID)
	}
	return s, err
}

// refuseExisting looks for a config, keys and snapshots.
func refuseExisting(ctx context.Context, loc Location, be backend.Backend) error {
	_, err := be.Stat(ctx, backend.Handle{Type: backend.ConfigFile})
	if err == nil {
		return fmt.Errorf("%s: %w; nothing was changed", loc, ErrExists)
	}
	if !be.IsNotExist(err) {
		return err
	}
	for _, t := range []backend.FileType{backend.KeyFile, backend.SnapshotFile} {
		err := be.List(ctx, t, func(fi backend.FileInfo) error {
			return fmt.Errorf("%s: %w: the config is missing, but there is %s; nothing was changed", loc, ErrExists, objectName(backend.Handle{Type: t, Name: fi.Name}))
		})
		if err != nil && !be.IsNotExist(err) {
			return err
		}
	}
	return nil
}
