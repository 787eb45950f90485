// Package cheapkeys makes the repositories of tests cost nothing to open. By design of
// the format, restic's own parameters make each opening cost as much as half a second.
// They stand in the key file, so whatever opens a repository made with cheap ones, the
// real restic command too, opens it at once.
//
// Importing it is enough for repositories and keys that this process makes, and spares
// it the pause of 0.2 s after taking a lock:
//
//	import _ "github.com/cesnet/rwm/internal/harness/cheapkeys"
//
// What another program has made, [Local] and [Bucket] make cheap afterwards.
package cheapkeys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

type quiet struct{ testing.TB }

func (quiet) Logf(string, ...any) {}

func init() {
	engrepository.TestUseLowSecurityKDFParameters(quiet{})
	engrestic.TestSetLockTimeout(quiet{}, lockPause)
}

// lockPause is how long the engine waits between taking a lock and looking for those of
// others; of its 0.2 s, nothing is needed where a list shows at once what was written.
const lockPause = 5 * time.Millisecond

// Local replaces every key of the local repository in dir by a cheap one for the same
// password.
func Local(t testing.TB, dir, password string) {
	t.Helper()
	LocalForNewPassword(t, dir, password, password)
}

// LocalForNewPassword is Local with another password for the new keys.
func LocalForNewPassword(t testing.TB, dir, password, newPassword string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "keys", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("cheapkeys: %d keys in %s: %v", len(files), dir, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, cheap := reseal(t, raw, password, newPassword)
		if err := os.WriteFile(filepath.Join(dir, "keys", name), cheap, 0o400); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// Bucket replaces every key of the repository in the bucket by a cheap one for the same
// password. In a bucket with versioning the old ones stay as versions.
func Bucket(t testing.TB, client *minio.Client, bucket, password string) {
	t.Helper()
	var keys []string
	for o := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: "keys/"}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		keys = append(keys, o.Key)
	}
	if len(keys) == 0 {
		t.Fatalf("cheapkeys: no keys in the bucket %s", bucket)
	}
	for _, key := range keys {
		o, err := client.GetObject(t.Context(), bucket, key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(o)
		if err != nil {
			t.Fatal(err)
		}
		name, cheap := reseal(t, raw, password, password)
		if _, err := client.PutObject(t.Context(), bucket, "keys/"+name, bytes.NewReader(cheap),
			int64(len(cheap)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := client.RemoveObject(t.Context(), bucket, key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// reseal returns the name and the content of a key file that gives the master key of
// another one away as cheaply as the format allows.
func reseal(t testing.TB, raw []byte, password, newPassword string) (name string, cheap []byte) {
	t.Helper()
	var key engrepository.Key
	if err := json.Unmarshal(raw, &key); err != nil {
		t.Fatalf("cheapkeys: %v", err)
	}
	master, err := master(key, password)
	if err != nil {
		t.Fatalf("cheapkeys: %v", err)
	}
	key.N, key.R, key.P = 2, 1, 1
	user, err := engcrypto.KDF(engcrypto.Params{N: key.N, R: key.R, P: key.P}, key.Salt, newPassword)
	if err != nil {
		t.Fatal(err)
	}
	nonce := engcrypto.NewRandomNonce()
	key.Data = user.Seal(append([]byte{}, nonce...), nonce, master, nil)
	if cheap, err = json.Marshal(&key); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cheap)
	return hex.EncodeToString(sum[:]), cheap
}

// master is the master key in a key file.
func master(key engrepository.Key, password string) ([]byte, error) {
	user, err := engcrypto.KDF(engcrypto.Params{N: key.N, R: key.R, P: key.P}, key.Salt, password)
	if err != nil {
		return nil, err
	}
	if len(key.Data) < user.NonceSize() {
		return nil, fmt.Errorf("a key file with %d bytes of data", len(key.Data))
	}
	nonce, sealed := key.Data[:user.NonceSize()], key.Data[user.NonceSize():]
	return user.Open(nil, nonce, sealed, nil)
}
