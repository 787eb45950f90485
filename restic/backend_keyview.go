package restic

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/crypto"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// keyView shows the engine exactly one key while it searches for one, and everything as it is afterwards. With it, keys are tried one by one,
// so that a damaged one does not hide the others, and a repository object is opened again without deriving a key from the password.
type keyView struct {
	backend.Backend
	done        atomic.Bool
	name        string
	raw         []byte // content of the key, when it is not in the storage
	config      []byte // content of the config, when it is known
	configAsked atomic.Bool
}

func (v *keyView) List(ctx context.Context, t backend.FileType, fn func(backend.FileInfo) error) error {
	if v.done.Load() || t != backend.KeyFile {
		return v.Backend.List(ctx, t, fn)
	}
	return fn(backend.FileInfo{Name: v.name, Size: int64(len(v.raw))})
}

func (v *keyView) Load(ctx context.Context, h backend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	if !v.done.Load() {
		switch {
		case h.Type == backend.KeyFile && v.raw != nil && h.Name == v.name:
			return fn(bytes.NewReader(v.raw))
		case h.Type == backend.ConfigFile && v.config != nil:
			return fn(bytes.NewReader(v.config))
		case h.Type == backend.ConfigFile:
			v.configAsked.Store(true)
			return v.Backend.Load(ctx, h, length, offset, func(rd io.Reader) error {
				raw, err := io.ReadAll(rd)
				if err != nil {
					return err
				}
				v.config = raw
				return fn(bytes.NewReader(raw))
			})
		}
	}
	return v.Backend.Load(ctx, h, length, offset, fn)
}

func (v *keyView) Unwrap() backend.Backend { return v.Backend }

// openWithKey returns a new repository object over be that shows only the key called name.
func openWithKey(ctx context.Context, view *keyView, engine repository.Options, password string) (*repository.Repository, error) {
	repo, err := repository.New(view, engine)
	if err != nil {
		return nil, err
	}
	if err := repo.SearchKey(ctx, password, 1, ""); err != nil {
		return nil, err
	}
	view.done.Store(true)
	return repo, nil
}

// known is what is needed to open a repository object again: the master key wrapped with a throw-away password and the least
// costly key derivation (it never leaves the process), and the config.
type known struct {
	name     string
	raw      []byte
	password string
	config   []byte
}

func wrapMaster(master *crypto.Key, config []byte) (*known, error) {
	secret := crypto.NewRandomNonce()
	password := base64.StdEncoding.EncodeToString(secret)
	salt, err := crypto.NewSalt()
	if err != nil {
		return nil, err
	}
	params := crypto.Params{N: 2, R: 1, P: 1}
	user, err := crypto.KDF(params, salt, password)
	if err != nil {
		return nil, fmt.Errorf("wrapping the master key: %w", err)
	}
	plain, err := json.Marshal(master)
	if err != nil {
		return nil, err
	}
	nonce := crypto.NewRandomNonce()
	raw, err := json.Marshal(repository.Key{KDF: "scrypt", N: params.N, R: params.R, P: params.P, Salt: salt,
		Data: user.Seal(append([]byte{}, nonce...), nonce, plain, nil)})
	if err != nil {
		return nil, err
	}
	return &known{name: restic.Hash(raw).String(), raw: raw, password: password, config: config}, nil
}

// open returns a repository object over be in a few milliseconds and without a request.
func (k *known) open(ctx context.Context, be backend.Backend, engine repository.Options) (*repository.Repository, error) {
	return openWithKey(ctx, &keyView{Backend: be, name: k.name, raw: k.raw, config: k.config}, engine, k.password)
}
