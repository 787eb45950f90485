package restic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// junkKey is a key of another master key and password.
func junkKey(t testing.TB, n, r, p int) []byte {
	t.Helper()
	salt, err := engcrypto.NewSalt()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(engrepository.Key{KDF: "scrypt", N: n, R: r, P: p, Salt: salt, Data: []byte(noise(200, uint64(salt[0])))})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// However many keys an attacker adds, of any kind, the right password opens
// the repository and a wrong one is called wrong.
func TestManyJunkKeys(t *testing.T) {
	loc := wholeRepository(t)
	s := newSealer(t, loc)
	for i := range 150 {
		switch i % 5 {
		case 0:
			s.put("keys", []byte(fmt.Sprintf("junk %d", i)))
		case 1:
			s.put("keys", []byte(fmt.Sprintf(`{"kdf":"scrypt","N":2,"r":1,"p":1,"salt":"","data":"","x":%d}`, i)))
		default:
			s.put("keys", junkKey(t, 2, 1, 1))
		}
	}
	openAgain(t, loc, WithoutLock())
	if _, err := Open(t.Context(), loc, "wrong", WithoutCache()); !errors.Is(err, ErrWrongPassword) {
		t.Error(err)
	}
	if proof, err := proveLocal(t, loc, ProveOptions{}); err != nil {
		t.Errorf("%v %+v", err, proof)
	}
}

// A key whose derivation would take minutes or gigabytes is none.
func TestExpensiveKeys(t *testing.T) {
	for name, c := range map[string]struct {
		n, r, p int
		ok      bool
	}{
		"restic's":           {1 << 15, 8, 1, true},
		"of a fast machine":  {1 << 15, 8, 12, true},
		"much memory":        {1 << 22, 8, 1, false},
		"many passes":        {1 << 15, 8, 100, false},
		"wide":               {2, 1 << 24, 1, false},
		"cheap, without end": {2, 1, 1 << 30, false},
		"no power of two":    {3, 8, 1, false},
		"none":               {0, 8, 1, false},
		"negative":           {-2, 8, 1, false},
		"product that wraps": {1 << 62, 1 << 62, 1 << 62, false},
		"passes that wrap":   {2, 8, 1 << 61, false},
	} {
		if reason := badKey(junkKey(t, c.n, c.r, c.p)); (reason == "") != c.ok {
			t.Errorf("%s: %q", name, reason)
		}
	}
}

// All together, key derivations are bounded; what was not tried is said, and the key
// that is hinted at comes first.
func TestKeyBudget(t *testing.T) {
	loc := wholeRepository(t)
	s := openAgain(t, loc, WithoutLock())
	trial := keyTrial{loc: loc, stack: s.stack, o: s.opts, password: testPassword, spent: maxKDFTotal}
	name := s.KeyID().String()
	raw, err := trial.loadKey(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := trial.try(t.Context(), name, loadedKey{raw: raw})
	if opened != nil || err != nil || trial.untried != 1 {
		t.Errorf("%v %v %+v", opened, err, trial)
	}
	if err := trial.failed(1); !errors.Is(err, ErrTooManyKeys) || errors.Is(err, ErrWrongPassword) {
		t.Error(err)
	}
}

func TestKeyOrder(t *testing.T) {
	at := func(s string) time.Time { return time.Unix(int64(s[1]), 0) }
	age := func(name string) (time.Time, bool) { return at(name), name[0] != 'u' }
	names := []string{"u1", "k9", "k1", "u0", "k5", "h3"}
	sortKeys(names, age, "h")
	if got := strings.Join(names, " "); got != "h3 k1 k5 k9 u0 u1" {
		t.Error(got)
	}
}

// A config whose ID is a path makes no files anywhere.
func TestConfigWithAPath(t *testing.T) {
	for _, id := range []string{"../../../escaped", "", "abc", strings.Repeat("0", 63) + "/", strings.Repeat("0", 65)} {
		loc := wholeRepository(t)
		s := newSealer(t, loc)
		text, err := openSealed(s.key, readFile(t, filepath.Join(s.dir, "config")))
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		config["id"] = id
		text, _ = json.Marshal(config)
		damage(t, filepath.Join(s.dir, "config"), func([]byte) []byte { return s.seal(text) })
		dir := t.TempDir()
		cache := filepath.Join(dir, "a", "b", "cache")
		_, err = Open(t.Context(), loc, testPassword, WithCacheDir(cache))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "config") {
			t.Errorf("%q: %v", id, err)
		}
		proof, err := Prove(t.Context(), loc, testPassword, ProveOptions{}, WithCacheDir(cache))
		if proof.Verdict != Broken || len(proof.Broken) != 1 || proof.Broken[0].Kind != ConfigUnusable {
			t.Errorf("%q: %+v %v", id, proof, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%q: %v was made", id, left)
		}
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// bomb is zstd that unpacks to n bytes, with or without saying so first. It is made in
// parts: the race detector adds memory of its own to all that is used.
func bomb(t testing.TB, n int, says bool, begin, end string) []byte {
	t.Helper()
	var buf bytes.Buffer
	buf.WriteByte(2)
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if says {
		w.ResetContentSize(&buf, int64(len(begin)+n+len(end)))
	} else {
		w.Reset(&buf)
	}
	_, err = io.WriteString(w, begin)
	part := bytes.Repeat([]byte("a"), 1<<20)
	for ; err == nil && n > 0; n -= len(part) {
		part = part[:min(len(part), n)]
		_, err = w.Write(part)
	}
	if err == nil {
		_, err = io.WriteString(w, end)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A few bytes that unpack to very many are refused wherever they are read, with an
// error that names the object.
func TestBombs(t *testing.T) {
	const size = 80 << 20
	whole := wholeRepository(t)
	for _, says := range []bool{true, false} {
		snapshot := bomb(t, size, says, fmt.Sprintf(`{"time":"2026-01-02T03:04:05Z","tree":"%064d","paths":["`, 1), `"],"hostname":"h"}`)
		index := bomb(t, size, says, `{"x":"`, `","packs":[]}`)
		lock := bomb(t, size, says, `{"time":"2026-01-02T03:04:05Z","username":"`, `"}`)
		for kind, c := range map[string]struct {
			text []byte
			read func(ctx context.Context, s *Session) error
		}{
			"snapshots": {snapshot, func(ctx context.Context, s *Session) error { _, err := s.Snapshots(ctx, SnapshotFilter{}); return err }},
			"index":     {index, func(ctx context.Context, s *Session) error { _, err := s.Check(ctx, CheckOptions{}); return err }},
			"locks": {lock, func(ctx context.Context, s *Session) error {
				locks, err := s.Locks(ctx)
				if err != nil || len(locks) != 1 {
					return err
				}
				return locks[0].Err
			}},
		} {
			t.Run(fmt.Sprint(kind, says), func(t *testing.T) {
				t.Parallel()
				loc := copyRepository(t, whole)
				s := newSealer(t, loc)
				name := s.put(kind, s.seal(c.text))
				for _, opt := range []Option{WithoutCache(), WithCacheDir(t.TempDir())} {
					session := openAgain(t, loc, WithoutLock(), opt)
					for range 2 { // the second time the cache could have it
						err := c.read(t.Context(), session)
						if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name[:8]) || !strings.Contains(err.Error(), "bytes") {
							t.Errorf("%v", err)
						}
					}
					if _, err := session.Decrypt(t.Context(), readFile(t, filepath.Join(s.dir, kind, name))); !errors.Is(err, ErrDamaged) {
						t.Error(err)
					}
				}
				if kind == "locks" {
					return
				}
				if proof, _ := proveLocal(t, loc, ProveOptions{}); proof.Verdict != Broken {
					t.Errorf("%+v", proof)
				}
			})
		}
	}
}

// Many snapshots that each unpack to no more than one may are refused together, also
// once the cache has them.
func TestManyLargeSnapshots(t *testing.T) {
	loc := copyRepository(t, wholeRepository(t))
	s := newSealer(t, loc)
	for i := range 20 {
		s.put("snapshots", s.seal(bomb(t, 1<<20, true, fmt.Sprintf(`{"time":"2026-01-02T03:04:%02dZ","tree":"%064d","paths":["`, i, 1), `"],"hostname":"h"}`)))
	}
	dir := t.TempDir()
	for _, most := range []int64{16 << 20, 0} { // with 0, by default, these few are taken, and the cache gets all
		session := openAgain(t, loc, WithoutLock(), WithCacheDir(dir))
		session.view.most = most
		_, err := session.Snapshots(t.Context(), SnapshotFilter{})
		if refused := errors.Is(err, ErrDamaged) && strings.Contains(err.Error(), "16 MiB"); refused != (most > 0) || most == 0 && err != nil {
			t.Errorf("at most %d: %v", most, err)
		}
	}
	cached := openAgain(t, loc, WithoutLock(), WithCacheDir(dir))
	cached.view.most = 16 << 20
	if _, err := cached.Snapshots(t.Context(), SnapshotFilter{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("from the cache: %v", err)
	}
}

// Numbers on which the engine would panic are refused with the index that has them.
func TestIndexNumbers(t *testing.T) {
	whole := wholeRepository(t)
	blob := func(fields string) string {
		return fmt.Sprintf(`{"packs":[{"id":"%064d","blobs":[{"id":"%064d","type":"tree",%s}]}]}`, 7, 8, fields)
	}
	for name, text := range map[string]string{
		"offset beyond":    blob(`"offset":4294967296,"length":100`),
		"length beyond":    blob(`"offset":0,"length":4294967296`),
		"end beyond":       blob(`"offset":4294967290,"length":100`),
		"plain beyond":     blob(`"offset":0,"length":100,"uncompressed_length":4294967296`),
		"plain too large":  blob(`"offset":0,"length":100,"uncompressed_length":2000000000`),
		"too short":        blob(`"offset":0,"length":31`),
		"no length":        blob(`"offset":0`),
		"odd order, short": blob(`"length":5,"offset":0`),
		"no type":          strings.Replace(blob(`"offset":0,"length":100`), `"type":"tree",`, "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc := copyRepository(t, whole)
			s := newSealer(t, loc)
			index := s.put("index", s.seal([]byte(text)))
			session := openAgain(t, loc, WithoutLock())
			_, err := session.Check(t.Context(), CheckOptions{})
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), index[:8]) {
				t.Error(err)
			}
			if proof, _ := proveLocal(t, loc, ProveOptions{}); proof.Verdict != Broken || proof.Broken[0].Kind != IndexUnreadable {
				t.Errorf("%+v", proof)
			}
		})
	}
}
