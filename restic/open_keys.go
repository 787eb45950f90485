package restic

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const (
	// maxKeysRead is how many keys are looked at.
	maxKeysRead = 10_000
	// maxKDFTotal bounds the key derivations of one opening, in the bytes that scrypt
	// goes over: a key that restic makes costs some 100 MiB and 0.1 to 0.5 s.
	maxKDFTotal = 16 << 30
	// keysAtOnce are read at the same time.
	keysAtOnce = 16
	// maxKeysNamed bounds how many damaged keys an error names.
	maxKeysNamed = 5
)

// openKeys tries the keys of a repository and returns the object that one of them
// opened, with the config.
//
// Anybody who can write into the bucket can put keys there, so neither their number nor
// their costs may keep the right one from being found: the hinted key comes first, then
// the oldest by the server's clock, since junk is younger than the keys it is to hide.
func openKeys(ctx context.Context, loc Location, stack *tracker, o options, password string) (*engrepository.Repository, []byte, error) {
	names, err := keyNames(ctx, stack)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return nil, nil, noKeys(ctx, loc, stack)
	}
	sortKeys(names, keyTimes(stack), o.keyHint)
	t := keyTrial{loc: loc, stack: stack, o: o, password: password}
	size := 1 // as a rule the first one opens it
	for rest := names[:min(len(names), maxKeysRead)]; len(rest) > 0; size = min(2*size, keysAtOnce) {
		batch := rest[:min(size, len(rest))]
		rest = rest[len(batch):]
		for i, k := range t.load(ctx, batch) {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			repo, config, err := t.try(ctx, batch[i], k)
			if repo != nil || err != nil {
				return repo, config, err
			}
		}
	}
	t.untried += max(0, len(names)-maxKeysRead)
	return nil, nil, t.failed(len(names))
}

// sortKeys puts the hinted key first, then the oldest. Keys of unknown age come last.
func sortKeys(names []string, age func(string) (time.Time, bool), hint string) {
	slices.SortFunc(names, func(a, b string) int {
		hinted := func(name string) int {
			if hint != "" && strings.HasPrefix(name, hint) {
				return 0
			}
			return 1
		}
		ta, aKnown := age(a)
		tb, bKnown := age(b)
		known := 0
		switch {
		case aKnown && bKnown:
			known = ta.Compare(tb)
		case aKnown:
			known = -1
		case bKnown:
			known = 1
		}
		return cmp.Or(hinted(a)-hinted(b), known, strings.Compare(a, b))
	})
}

// keyTimer is a storage that knows when keys were written, once they were listed.
type keyTimer interface {
	keyTime(name string) (time.Time, bool)
}

func keyTimes(stack *tracker) func(string) (time.Time, bool) {
	if timer, ok := unwrap[keyTimer](stack); ok {
		return timer.keyTime
	}
	return func(string) (time.Time, bool) { return time.Time{}, false }
}

// keyTrial is one search for the key that a password opens.
type keyTrial struct {
	loc      Location
	stack    *tracker
	o        options
	password string

	spent   uint64 // of maxKDFTotal
	wrong   int    // keys that do not open with the password
	untried int
	damaged []error
}

type loadedKey struct {
	raw []byte
	err error
}

// load reads keys at the same time.
func (t *keyTrial) load(ctx context.Context, names []string) []loadedKey {
	keys := make([]loadedKey, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { keys[i].raw, keys[i].err = t.loadKey(ctx, name) })
	}
	group.Wait()
	return keys
}

func (t *keyTrial) loadKey(ctx context.Context, name string) (raw []byte, err error) {
	h := engbackend.Handle{Type: engbackend.KeyFile, Name: name}
	for range 2 { // what was damaged on the way is right the second time
		err = t.stack.Load(ctx, h, 0, 0, func(rd io.Reader) error {
			raw, err = io.ReadAll(rd)
			return err
		})
		if err != nil || engrestic.Hash(raw).String() == name {
			return raw, err
		}
	}
	return nil, &damagedError{t.loc.String(), objectName(h), "its content is not the one its name stands for"}
}

// try opens the repository with a key. Without an error and a repository the next key
// is to be tried.
func (t *keyTrial) try(ctx context.Context, name string, k loadedKey) (*engrepository.Repository, []byte, error) {
	view := &keyView{Backend: t.stack, name: name, raw: k.raw}
	var repo *engrepository.Repository
	err := k.err
	if err == nil {
		cost := keyCost(k.raw)
		if t.spent+cost > maxKDFTotal {
			t.untried++
			return nil, nil, nil
		}
		t.spent += cost
		repo, err = openWithKey(ctx, view, t.o.engine(), t.password)
	}
	switch {
	case err == nil:
		return repo, view.config, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, engrepository.ErrNoKeyFound):
		t.wrong++
	case view.configAsked.Load(): // the key was right
		return nil, nil, openConfigError(ctx, t.loc, t.stack, err)
	case t.stack.IsNotExist(err): // removed meanwhile
	case errors.Is(err, ErrDamaged), errors.Is(err, engrestic.ErrInvalidData), k.err == nil:
		if !errors.Is(err, ErrDamaged) {
			err = &damagedError{t.loc.String(), "keys/" + name, oneLine(err)}
		}
		t.o.logger.Warn("damaged key", "location", t.loc.String(), "key", name, "error", oneLine(err))
		if len(t.damaged) < maxKeysNamed {
			t.damaged = append(t.damaged, err)
		}
	default:
		return nil, nil, err
	}
	return nil, nil, nil
}

// failed says why no key opened the repository.
func (t *keyTrial) failed(total int) error {
	var err error
	switch {
	case t.untried > 0:
		err = fmt.Errorf("%s: %w: %d of its %d keys were not tried, since that would take too long; none of the others opens with the password. "+
			"Name the right one with the key hint, or remove those that are not yours", t.loc, ErrTooManyKeys, t.untried, total)
	case t.wrong > 0:
		err = fmt.Errorf("%s: %w: none of its %d keys opens with it", t.loc, ErrWrongPassword, total)
	case len(t.damaged) == 0: // all were removed while they were looked at
		return fmt.Errorf("%s: %w: its keys were removed while it was being opened", t.loc, ErrNoRepository)
	default:
		return fmt.Errorf("%s: no usable key: %w", t.loc, errors.Join(t.damaged...))
	}
	return errors.Join(append([]error{err}, t.damaged...)...)
}

// keyCost is how many bytes scrypt goes over for a key that badKey lets pass.
func keyCost(raw []byte) uint64 {
	var key struct{ N, R, P uint64 }
	if json.NewDecoder(bytes.NewReader(raw)).Decode(&key) != nil {
		return 0
	}
	return 128 * key.N * key.R * key.P
}
