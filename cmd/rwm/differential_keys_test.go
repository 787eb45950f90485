package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/restic/restic/rwmlink/crypto"
	engine "github.com/restic/restic/rwmlink/repository"
)

// cheapKey replaces the keys of a local repository by one whose derivation costs nothing: the cases open repositories some thousand times, and by
// design of the format each time costs as much as half a second.
func cheapKey(t *testing.T, repo, password string, master []byte) {
	t.Helper()
	salt, err := crypto.NewSalt()
	if err != nil {
		t.Fatal(err)
	}
	params := crypto.Params{N: 2, R: 1, P: 1}
	user, err := crypto.KDF(params, salt, password)
	if err != nil {
		t.Fatal(err)
	}
	nonce := crypto.NewRandomNonce()
	raw, err := json.Marshal(engine.Key{
		Created: time.Now(), Username: "tester", Hostname: "here", KDF: "scrypt", N: params.N, R: params.R, P: params.P, Salt: salt,
		Data: user.Seal(append([]byte{}, nonce...), nonce, master, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(repo, "keys")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := sha256.Sum256(raw)
	if err := os.WriteFile(filepath.Join(dir, hex.EncodeToString(name[:])), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
