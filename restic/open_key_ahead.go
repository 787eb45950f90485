package restic

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// keyAhead asks for the key that opened a repository the last time, and for the config,
// beside the listing of the keys, which saves the time of a request. Its name is a hint
// only: the key is used if it is listed, as any other, and if its content is right.
type keyAhead struct {
	name        string
	key, config *aheadLoad
}

// askAhead begins to ask, if there is a name. It returns an error if the storage does
// not answer at all.
func askAhead(ctx context.Context, stack *tracker, name string) (*keyAhead, error) {
	if name == "" {
		return nil, nil
	}
	if s3, ok := unwrap[*s3Backend](stack); ok {
		// Each of the requests would ask for it otherwise.
		if known, err := s3.region(ctx); !known {
			return nil, err
		}
	}
	return &keyAhead{
		name:   name,
		key:    loadAhead(ctx, stack, engbackend.Handle{Type: engbackend.KeyFile, Name: name}),
		config: loadAhead(ctx, stack, engbackend.Handle{Type: engbackend.ConfigFile}),
	}, nil
}

// load returns the key called name, if it was asked for and is what its name stands
// for.
func (a *keyAhead) load(ctx context.Context, name string) ([]byte, bool) {
	if a == nil || a.name != name {
		return nil, false
	}
	raw, err := a.key.wait(ctx)
	return raw, err == nil && engrestic.Hash(raw).String() == name
}

func (a *keyAhead) stop() {
	if a != nil {
		a.key.stop()
		a.config.stop()
	}
}

// region asks which region the bucket is in, which the client remembers. It is an error
// if there is no answer; what a refusal means is for the next request to say.
func (b *s3Backend) region(ctx context.Context) (known bool, err error) {
	w, ctx := b.watch(ctx)
	defer w.stop()
	if _, err = b.client.GetBucketLocation(ctx, b.bucket); err == nil {
		return true, nil
	}
	if errors.Is(context.Cause(w.ctx), errStalled) {
		return false, b.fail("GET", "?location", errStalled)
	}
	return false, ctx.Err()
}

// lastKey is the file that holds the name of the key that opened the location the last
// time, or "" where nothing is remembered: a directory answers at once.
func lastKey(o *options, loc Location) string {
	_, past := loc.(*asOfLocation)
	_, local := loc.(localLocation)
	if past || local || o.noCache || o.keyHint != "" {
		return ""
	}
	dir := o.cacheDir
	if dir == "" {
		var err error
		if dir, err = DefaultCacheDir(); err != nil {
			return ""
		}
	}
	name := sha256.Sum256([]byte(loc.String()))
	return filepath.Join(dir, "last-keys", hex.EncodeToString(name[:]))
}

// readLastKey returns a key's name, or "".
func readLastKey(file string) string {
	if file == "" {
		return ""
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	if id, err := ParseID(string(raw)); err != nil || id.String() != string(raw) {
		return ""
	}
	return string(raw)
}

// writeLastKey remembers a key's name; if that fails, the next opening takes longer.
func writeLastKey(file, name string) {
	if file == "" || readLastKey(file) == name || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	_ = os.WriteFile(file, []byte(name), 0o600)
}
