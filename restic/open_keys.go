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
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/restic/internal/scrypt"
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
// Every writer to the bucket can put keys there, so neither their number nor their
// costs may keep the right one from being found: the hinted key comes first, then the
// oldest by the server's clock, since junk is younger than the keys that it is meant to
// hide.
//
// The config is asked for beside the first key, and is here before the key is derived.
// The key that opened the repository the last time comes first, too, and both are then
// asked for beside the listing.
func openKeys(ctx context.Context, loc Location, stack *tracker, o options, password string) (*opened, error) {
	ahead, err := askAhead(ctx, stack, readLastKey(lastKey(&o, loc)))
	if err != nil {
		return nil, err
	}
	defer ahead.stop()
	names, err := keyNames(ctx, stack)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, noKeys(ctx, loc, stack)
	}
	t := keyTrial{loc: loc, stack: stack, o: o, password: password, ahead: ahead}
	hint := o.keyHint
	if ahead != nil {
		hint, t.config = ahead.name, ahead.config
	} else {
		t.config = loadAhead(ctx, stack, engbackend.Handle{Type: engbackend.ConfigFile})
		defer t.config.stop()
	}
	sortKeys(names, keyTimes(stack), hint)
	size := 1 // as a rule the first one opens it
	for rest := names[:min(len(names), maxKeysRead)]; len(rest) > 0; size = min(2*size, keysAtOnce) {
		batch := rest[:min(size, len(rest))]
		rest = rest[len(batch):]
		for i, k := range t.load(ctx, batch) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			opened, err := t.try(ctx, batch[i], k)
			if opened != nil || err != nil {
				return opened, err
			}
		}
	}
	t.untried += max(0, len(names)-maxKeysRead)
	return nil, t.failed(len(names))
}

// opened is a repository object, what opens it again, and the key that did.
type opened struct {
	repo  *engrepository.Repository
	known *known
	key   KeyInfo
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
	config   *aheadLoad // nil if it was not asked for
	ahead    *keyAhead  // nil if no key was asked for ahead

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
	if raw, ok := t.ahead.load(ctx, name); ok {
		return raw, nil
	}
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

// try opens the repository with a key. If it returns neither an error nor a result, the
// next key is to be tried.
func (t *keyTrial) try(ctx context.Context, name string, k loadedKey) (*opened, error) {
	file, master, err := t.unlock(ctx, k)
	if errors.Is(err, errNotTried) {
		t.untried++
		return nil, nil
	}
	if err == nil { // the key is right
		return t.open(ctx, name, file, master)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, engcrypto.ErrUnauthenticated):
		t.wrong++
	case t.stack.IsNotExist(err): // removed meanwhile
	case errors.Is(err, ErrDamaged), k.err == nil:
		if !errors.Is(err, ErrDamaged) {
			err = &damagedError{t.loc.String(), "keys/" + name, oneLine(err)}
		}
		t.o.logger.Warn("damaged key", "location", t.loc.String(), "key", name, "error", oneLine(err))
		if len(t.damaged) < maxKeysNamed {
			t.damaged = append(t.damaged, err)
		}
	default:
		return nil, err
	}
	return nil, nil
}

var errNotTried = errors.New("too costly")

// unlock derives the user's key and unseals the master key with it, as the engine does
// but on all processors: nothing else can go on meanwhile. It also returns what the key
// says of itself.
func (t *keyTrial) unlock(ctx context.Context, k loadedKey) (*engrepository.Key, *engcrypto.Key, error) {
	if k.err != nil {
		return nil, nil, k.err
	}
	cost := keyCost(k.raw)
	if t.spent+cost > maxKDFTotal {
		return nil, nil, errNotTried
	}
	t.spent += cost
	var file engrepository.Key
	if err := json.Unmarshal(k.raw, &file); err != nil {
		return nil, nil, err
	}
	params := scrypt.Params{N: file.N, R: file.R, P: file.P}
	derived, err := scrypt.Key(ctx, params, file.Salt, t.password, 64)
	if err != nil {
		return nil, nil, err
	}
	user := &engcrypto.Key{}
	rest := derived[copy(user.EncryptionKey[:], derived):]
	copy(user.MACKey.R[:], rest[copy(user.MACKey.K[:], rest):])
	if len(file.Data) < minStored { // the guard has seen to it
		return nil, nil, errors.New("its sealed part is too short")
	}
	nonce, sealed := file.Data[:user.NonceSize()], file.Data[user.NonceSize():]
	plain, err := user.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, nil, err
	}
	master := &engcrypto.Key{}
	if err := json.Unmarshal(plain, master); err != nil {
		return nil, nil, err
	}
	if !master.Valid() {
		return nil, nil, errors.New("the master key in it is not valid")
	}
	return &file, master, nil
}

// open gives the engine the master key that the key called name holds.
func (t *keyTrial) open(ctx context.Context, name string, file *engrepository.Key, master *engcrypto.Key) (*opened, error) {
	id, err := ParseID(name)
	if err != nil {
		return nil, err
	}
	k, err := wrapMaster(master, nil)
	if err != nil {
		return nil, err
	}
	view := &keyView{Backend: t.stack, name: k.name, raw: k.raw, ahead: t.config}
	repo, err := openWithKey(ctx, view, t.o.engine(), k.password)
	switch {
	case err == nil:
		k.config = view.config
		return &opened{repo, k, keyInfo(id, file)}, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, openConfigError(ctx, t.loc, t.stack, view.config != nil, err)
}

// failed says why no key opened the repository.
func (t *keyTrial) failed(total int) error {
	var err error
	switch {
	case t.untried > 0:
		err = fmt.Errorf("%s: %w: %d of its %s %s not tried, since that would take too long; none of the others opens with the password. "+
			"Name the right one with the key hint, or remove those that are not yours", t.loc, ErrTooManyKeys, t.untried, plural.Of(total, "key"), plural.Were(t.untried))
	case t.wrong > 0:
		err = fmt.Errorf("%s: %w: none of its keys (%d) opens with it", t.loc, ErrWrongPassword, total)
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
