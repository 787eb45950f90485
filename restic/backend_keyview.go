package restic

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcache "github.com/restic/restic/rwmlink/cache"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// keyView shows the engine exactly one key while it searches for one, and the whole
// storage afterwards. That way keys are tried one by one, so that a damaged key does
// not hide the others, and a repository object can be reopened without another key
// derivation.
type keyView struct {
	engbackend.Backend
	done   atomic.Bool
	name   string
	raw    []byte     // content of the key, when it is not in the storage
	config []byte     // content of the config, when it is known
	ahead  *aheadLoad // of the config, nil if it was not asked for yet
	sizes  packSizes
	cached bool // below is a checkedCache, which checks packs itself
	// stored, if not nil, gives the engine an index of the trees alone.
	stored *storedBlobs
}

func (v *keyView) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	if t == engbackend.IndexFile && v.stored.toLoad() {
		return v.stored.list(ctx, v.sizes.repo.Load(), fn)
	}
	if v.done.Load() || t != engbackend.KeyFile {
		return v.Backend.List(ctx, t, fn)
	}
	return fn(engbackend.FileInfo{Name: v.name, Size: int64(len(v.raw))})
}

func (v *keyView) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	if !v.done.Load() {
		switch {
		case h.Type == engbackend.KeyFile && v.raw != nil && h.Name == v.name:
			return fn(bytes.NewReader(v.raw))
		case h.Type == engbackend.ConfigFile && v.config != nil:
			return fn(bytes.NewReader(v.config))
		case h.Type == engbackend.ConfigFile:
			return v.loadConfig(ctx, fn)
		}
	}
	if index := v.stored.take(h); index != nil {
		return fn(bytes.NewReader(index))
	}
	if h.Type == engbackend.PackFile && !v.cached {
		return v.Backend.Load(ctx, h, length, offset, func(rd io.Reader) error {
			return v.sizes.load(ctx, h, offset, rd, fn)
		})
	}
	return v.Backend.Load(ctx, h, length, offset, fn)
}

// loadConfig gives the engine the config that was requested ahead. If that request
// failed and the engine asks again, it is sent again.
func (v *keyView) loadConfig(ctx context.Context, fn func(rd io.Reader) error) error {
	ahead := v.ahead
	v.ahead = nil
	if ahead == nil {
		ahead = loadAhead(ctx, v.Backend, engbackend.Handle{Type: engbackend.ConfigFile})
		defer ahead.stop()
	}
	raw, err := ahead.wait(ctx)
	if err != nil {
		return err
	}
	v.config = raw
	return fn(bytes.NewReader(raw))
}

func (v *keyView) Unwrap() engbackend.Backend { return v.Backend }

// openWithKey returns a new repository object over be that shows only the key called
// name.
func openWithKey(ctx context.Context, view *keyView, engine engrepository.Options, password string) (*engrepository.Repository, error) {
	repo, err := engrepository.New(view, engine)
	if err != nil {
		return nil, err
	}
	if err := repo.SearchKey(ctx, password, 1, ""); err != nil {
		return nil, err
	}
	view.done.Store(true)
	if g, ok := unwrap[*guard](view.Backend); ok {
		view.sizes.location = g.location
	}
	view.sizes.repo.Store(repo)
	return repo, nil
}

// known holds what reopening a repository object needs: the master key wrapped with a
// throw-away password and the least costly key derivation (it never leaves the
// process), and the config.
type known struct {
	name     string
	raw      []byte
	password string
	config   []byte
}

func wrapMaster(master *engcrypto.Key, config []byte) (*known, error) {
	secret := engcrypto.NewRandomNonce()
	password := base64.StdEncoding.EncodeToString(secret)
	salt, err := engcrypto.NewSalt()
	if err != nil {
		return nil, err
	}
	params := engcrypto.Params{N: 2, R: 1, P: 1}
	user, err := engcrypto.KDF(params, salt, password)
	if err != nil {
		return nil, fmt.Errorf("wrapping the master key: %w", err)
	}
	plain, err := json.Marshal(master)
	if err != nil {
		return nil, err
	}
	nonce := engcrypto.NewRandomNonce()
	raw, err := json.Marshal(engrepository.Key{KDF: "scrypt", N: params.N, R: params.R, P: params.P, Salt: salt,
		Data: user.Seal(append([]byte{}, nonce...), nonce, plain, nil)})
	if err != nil {
		return nil, err
	}
	return &known{name: engrestic.Hash(raw).String(), raw: raw, password: password, config: config}, nil
}

// open returns a repository object over be in a few milliseconds and without a request.
func (k *known) open(ctx context.Context, be engbackend.Backend, engine engrepository.Options) (*engrepository.Repository, error) {
	return openWithKey(ctx, k.view(be), engine, k.password)
}

func (k *known) view(be engbackend.Backend) *keyView {
	return &keyView{Backend: be, name: k.name, raw: k.raw, config: k.config}
}

// viewCached returns one that reads through a cache.
func (k *known) viewCached(be engbackend.Backend, c *engcache.Cache, log func(string, ...any)) *keyView {
	view := k.view(nil)
	view.cached = true
	checked := &checkedCache{Backend: c.Wrap(be, log), direct: be, cache: c, sizes: &view.sizes}
	checked.guard, _ = unwrap[*guard](be)
	view.Backend = checked
	return view
}
