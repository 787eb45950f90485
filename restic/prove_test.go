package restic

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness"
)

// proveLocal proves a local repository with a cache of its own.
func proveLocal(t testing.TB, loc Location, o ProveOptions, opts ...Option) (*Proof, error) {
	t.Helper()
	proof, err := Prove(t.Context(), loc, testPassword, o, append([]Option{WithCacheDir(t.TempDir())}, opts...)...)
	if proof == nil || (err == nil) != (proof.Verdict == Proved) {
		t.Fatalf("verdict %v with error %v", proof, err)
	}
	text, jsonErr := json.Marshal(proof)
	var again Proof
	if jsonErr == nil {
		jsonErr = json.Unmarshal(text, &again)
	}
	if jsonErr != nil || fmt.Sprint(again) != fmt.Sprint(*proof) {
		t.Errorf("%s does not survive JSON: %v", text, jsonErr)
	}
	return proof, err
}

// sealer seals what an attacker who knows the password could.
type sealer struct {
	t   testing.TB
	dir string
	key *engcrypto.Key
}

func newSealer(t testing.TB, loc Location) *sealer {
	t.Helper()
	s := openAgain(t, loc, WithoutLock())
	repo, err := s.known.open(t.Context(), s.stack, s.opts.engine())
	if err != nil {
		t.Fatal(err)
	}
	return &sealer{t, loc.String(), repo.Key()}
}

func (s *sealer) seal(plain []byte) []byte {
	return sealText(s.key, plain)
}

// put writes raw as an object of a kind and returns its name.
func (s *sealer) put(kind string, raw []byte) string {
	s.t.Helper()
	name := engrestic.Hash(raw).String()
	path := filepath.Join(s.dir, kind, name)
	if kind == "data" {
		path = filepath.Join(s.dir, kind, name[:2], name)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// pack makes a pack of data or trees that is right in itself, and the index's entry for
// it.
func (s *sealer) pack(kind string, plain ...string) (name string, entry map[string]any) {
	s.t.Helper()
	var body, header []byte
	var blobs []map[string]any
	for _, text := range plain {
		sealed := s.seal([]byte(text))
		id := engrestic.Hash([]byte(text))
		blobs = append(blobs, map[string]any{"id": id.String(), "type": kind, "offset": len(body), "length": len(sealed)})
		typ := byte(0)
		if kind == "tree" {
			typ = 1
		}
		n := len(sealed)
		header = append(header, typ, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
		header = append(header, id[:]...)
		body = append(body, sealed...)
	}
	sealed := s.seal(header)
	n := len(sealed)
	raw := append(append(body, sealed...), byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	name = s.put("data", raw)
	return name, map[string]any{"id": name, "blobs": blobs}
}

func (s *sealer) index(packs ...map[string]any) string {
	text, err := json.Marshal(map[string]any{"packs": packs})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.put("index", s.seal(text))
}

func (s *sealer) snapshot(tree string) string {
	text := fmt.Sprintf(`{"time":"2026-01-02T03:04:05Z","tree":"%s","paths":["/x"],"hostname":"h"}`, tree)
	return s.put("snapshots", s.seal([]byte(text)))
}

// wholeRepository makes a repository that shows all kinds of objects.
func wholeRepository(t testing.TB) Location {
	t.Helper()
	s, loc := initLocal(t)
	dir := writeTree(t, sampleFiles())
	backupAt(t, s, time.Now().Add(-time.Hour), "one", nil, dir)
	if err := os.WriteFile(filepath.Join(dir, "more"), []byte(noise(200_000, 5)), 0o600); err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "two", nil, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return loc
}

// A whole repository is proved, with a cold cache, a warm one and none; and a warm
// cache spares the requests.
func TestProve(t *testing.T) {
	loc := wholeRepository(t)
	check, err := openAgain(t, loc, WithoutLock()).Check(t.Context(), CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var requests []int64
	for _, opts := range [][]Option{{WithCacheDir(dir)}, {WithCacheDir(dir)}, {WithoutCache()}} {
		proof, err := proveLocal(t, loc, ProveOptions{PackHeaders: true}, opts...)
		if err != nil {
			t.Fatal(err)
		}
		if proof.Snapshots != 2 || proof.Trees != check.Trees || proof.Packs != check.Packs || proof.PacksRead != proof.Packs || proof.Version != 2 {
			t.Errorf("%+v, check counted %+v", proof, check)
		}
		requests = append(requests, proof.Requests)
	}
	if requests[1] >= requests[0] {
		t.Errorf("requests: %v", requests)
	}
	ledger := &Ledger{}
	for i := range 2 {
		proof, err := proveLocal(t, loc, ProveOptions{PackHeaders: true, Ledger: ledger})
		if err != nil || (proof.PacksRead == 0) != (i == 1) {
			t.Errorf("proof %d with a ledger: %v %+v", i, err, proof)
		}
	}
	// Kept in a file it knows as much, and a spoiled file is refused.
	text, err := ledger.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	kept := &Ledger{}
	if err := kept.UnmarshalBinary(text); err != nil {
		t.Fatal(err)
	}
	if proof, err := proveLocal(t, loc, ProveOptions{PackHeaders: true, Ledger: kept}); err != nil || proof.PacksRead != 0 {
		t.Errorf("with a kept ledger: %v %+v", err, proof)
	}
	for _, spoiled := range [][]byte{nil, text[:len(text)-1], append([]byte{9}, text[1:]...)} {
		if kept.UnmarshalBinary(spoiled) == nil {
			t.Errorf("%d spoiled bytes are read", len(spoiled))
		}
	}
}

// If any object is missing or damaged, the repository is broken; a cache that has seen
// it whole does not hide that.
func TestProveBroken(t *testing.T) {
	harness.NotShort(t)
	whole := wholeRepository(t)
	cacheDir := t.TempDir()
	if _, err := proveLocal(t, whole, ProveOptions{}, WithCacheDir(cacheDir)); err != nil {
		t.Fatal(err)
	}
	all := func(string) bool { return true }
	for _, kind := range []string{"snapshots", "index", "data", "keys", "config"} {
		files := objects(t, whole, kind)
		if len(files) == 0 {
			t.Fatalf("no %s", kind)
		}
		for i := range files {
			for how, change := range map[string]func([]byte) []byte{"removed": remove, "cut": cut, "altered": flip} {
				if kind == "snapshots" && how == "removed" {
					continue // nothing needs it
				}
				copied := copyRepository(t, whole)
				damage(t, objects(t, copied, kind)[i], change)
				proof, err := proveLocal(t, copied, ProveOptions{Suspect: all}, WithCacheDir(cacheDir))
				if proof.Verdict != Broken || !errors.Is(err, ErrBroken) || !errors.Is(err, ErrDamaged) {
					t.Errorf("%s %d %s: %v", kind, i, how, err)
					continue
				}
				if len(proof.Broken) == 0 || !strings.Contains(err.Error(), copied.String()) {
					t.Errorf("%s %d %s: %+v %v", kind, i, how, proof, err)
				}
			}
		}
	}
}

// What an attacker seals with the repository's key is seen through.
func TestProveForged(t *testing.T) {
	whole := wholeRepository(t)
	for name, c := range map[string]struct {
		forge   func(*sealer)
		headers bool // seen only with them
		want    FindingKind
	}{
		"snapshot without its tree": {func(s *sealer) { s.snapshot(strings.Repeat("ab", 32)) }, false, TreeUnreadable},
		"snapshot without a tree":   {func(s *sealer) { s.put("snapshots", s.seal([]byte(`{"time":"2026-01-02T03:04:05Z","paths":["/x"]}`))) }, false, SnapshotUnreadable},
		"index of no JSON":          {func(s *sealer) { s.put("index", s.seal([]byte("[1"))) }, false, IndexUnreadable},
		"index with a missing pack": {func(s *sealer) {
			s.index(map[string]any{"id": strings.Repeat("cd", 32), "blobs": []any{map[string]any{"id": strings.Repeat("ab", 32), "type": "data", "offset": 0, "length": 100}}})
		}, false, PackMissing},
		"tree with a missing file": {func(s *sealer) {
			tree := `{"nodes":[{"name":"f","type":"file","content":["` + strings.Repeat("ab", 32) + `"]}]}`
			_, entry := s.pack("tree", tree)
			s.index(entry)
			s.snapshot(engrestic.Hash([]byte(tree)).String())
		}, false, BlobMissing},
		"tree with a missing directory": {func(s *sealer) {
			tree := `{"nodes":[{"name":"d","type":"dir","subtree":"` + strings.Repeat("ab", 32) + `"}]}`
			_, entry := s.pack("tree", tree)
			s.index(entry)
			s.snapshot(engrestic.Hash([]byte(tree)).String())
		}, false, TreeUnreadable},
		"tree of no JSON": {func(s *sealer) {
			_, entry := s.pack("tree", "{")
			s.index(entry)
			s.snapshot(engrestic.Hash([]byte("{")).String())
		}, false, TreeUnreadable},
		"file without a list": {func(s *sealer) {
			tree := `{"nodes":[{"name":"f","type":"file","content":null}]}`
			_, entry := s.pack("tree", tree)
			s.index(entry)
			s.snapshot(engrestic.Hash([]byte(tree)).String())
		}, false, TreeInvalid},
		"index that says otherwise than another": {func(s *sealer) {
			_, entry := s.pack("data", "one", "two")
			s.index(entry)
			blobs := slices.Clone(entry["blobs"].([]map[string]any))
			slices.Reverse(blobs)
			other := map[string]any{"id": strings.Repeat("ab", 32), "type": "data", "offset": 0, "length": blobs[1]["length"]}
			s.index(map[string]any{"id": entry["id"], "blobs": []map[string]any{blobs[0], other}})
		}, false, IndexInconsistent},
		"index that claims other blobs of a pack": {func(s *sealer) {
			_, entry := s.pack("data", "one", "two")
			entry["blobs"].([]map[string]any)[0]["id"] = strings.Repeat("ab", 32)
			s.index(entry)
		}, true, PackDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := copyRepository(t, whole)
			c.forge(newSealer(t, copied))
			for _, headers := range []bool{false, true} {
				proof, _ := proveLocal(t, copied, ProveOptions{PackHeaders: headers})
				broken := proof.Verdict == Broken
				if broken != (headers || !c.headers) {
					t.Errorf("headers %v: %+v", headers, proof)
				}
				if broken && (len(proof.Broken) == 0 || proof.Broken[0].Kind != c.want) {
					t.Errorf("headers %v: %+v", headers, proof.Broken)
				}
				if !slices.IsSortedFunc(proof.Broken, BrokenObject.compare) {
					t.Errorf("headers %v: in no order: %+v", headers, proof.Broken)
				}
			}
		})
	}
}

// What is no damage is none: a pack that no index names, the same index twice, old
// trees that nothing needs any more.
func TestProveUntidy(t *testing.T) {
	loc := wholeRepository(t)
	s := newSealer(t, loc)
	s.pack("data", "not in an index")
	_, entry := s.pack("tree", `{"nodes":[{"name":"f","type":"file","content":["`+strings.Repeat("ab", 32)+`"]}]}`)
	s.index(entry)
	text, _ := json.Marshal(map[string]any{"supersedes": []string{}, "packs": []any{entry}})
	s.put("index", s.seal(text))
	s.put("index", s.seal([]byte(string(text)+" ")))
	proof, err := proveLocal(t, loc, ProveOptions{PackHeaders: true})
	if err != nil || proof.NotIndexed != 1 || proof.Indexes < 4 {
		t.Errorf("%v %+v", err, proof)
	}
}

// What could not be looked at is not proved, and the error tells why.
func TestNotProved(t *testing.T) {
	loc := wholeRepository(t)
	_, err := Prove(t.Context(), loc, "wrong", ProveOptions{}, WithoutCache())
	if !errors.Is(err, ErrNotProved) || !errors.Is(err, ErrWrongPassword) || errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	_, err = Prove(t.Context(), Local(t.TempDir()), testPassword, ProveOptions{}, WithoutCache())
	if !errors.Is(err, ErrNotProved) || !errors.Is(err, ErrNoRepository) {
		t.Error(err)
	}
	for _, o := range []ProveOptions{{MaxRequests: 1}, {MaxRequests: 2}, {MaxRequests: 3}, {MaxRequests: 8}, {MaxBytes: 1}, {MaxBytes: 100}, {MaxBytes: 3000}} {
		proof, err := proveLocal(t, loc, o)
		if !errors.Is(err, ErrNotProved) || !errors.Is(err, ErrBudget) || proof.Verdict != NotProved {
			t.Errorf("%+v: %v", o, err)
		}
		if o.MaxRequests > 0 && proof.Requests > o.MaxRequests {
			t.Errorf("%d requests, %d were allowed", proof.Requests, o.MaxRequests)
		}
	}
}

// A storage that does not give the config away says nothing about the config.
func TestConfigThatTheStorageDoesNotGive(t *testing.T) {
	_, m := initMemory(t)
	refused := errors.New("503 slow down")
	m.before(func(op string, h engbackend.Handle) error {
		if op == "load" && h.Type == engbackend.ConfigFile {
			return refused
		}
		return nil
	})
	if _, err := Open(t.Context(), m, testPassword, WithoutCache(), WithRetryFor(0)); !errors.Is(err, refused) || errors.Is(err, ErrDamaged) {
		t.Errorf("opening: %v", err)
	}
	proof, err := Prove(t.Context(), m, testPassword, ProveOptions{}, WithoutCache(), WithRetryFor(0))
	if !errors.Is(err, ErrNotProved) || !errors.Is(err, refused) || proof.Verdict != NotProved {
		t.Errorf("proving: %v", err)
	}
}

// Trees are found at any depth, and each is read once.
func TestProveDeep(t *testing.T) {
	_, loc := initLocal(t)
	s := newSealer(t, loc)
	child, want := "", 0
	for i := range 300 {
		tree := fmt.Sprintf(`{"nodes":[{"name":"%d","type":"dir","subtree":"%s"},{"name":"z","type":"dir","subtree":"%s"}]}`, i, child, child)
		if child == "" {
			tree = `{"nodes":[]}`
		}
		_, entry := s.pack("tree", tree)
		s.index(entry)
		sum := engrestic.Hash([]byte(tree))
		child = hex.EncodeToString(sum[:])
		want++
	}
	s.snapshot(child)
	proof, err := proveLocal(t, loc, ProveOptions{})
	if err != nil || proof.Trees != want {
		t.Errorf("%v %+v", err, proof)
	}
}
