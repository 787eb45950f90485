package s3state

import (
	"crypto/rand"
	"path"
	"strings"

	"github.com/cesnet/rwm/s3versions"
)

// FileType is what an object is to restic.
type FileType string

// The types of restic's layout, RWM's states, the objects it tries rights and locks on,
// the copies of packs of trees that a prune leaves for sealed hosts, and everything
// else.
const (
	TypeConfig   FileType = "config"
	TypeKey      FileType = "key"
	TypeLock     FileType = "lock"
	TypeIndex    FileType = "index"
	TypeSnapshot FileType = "snapshot"
	TypePack     FileType = "pack"
	TypeState    FileType = "state"
	TypeCanary   FileType = "canary"
	TypeTree     FileType = "tree"
	TypeOther    FileType = "other"
)

// TypeOf returns an object's type by its key.
func TypeOf(key string) FileType {
	if key == "config" {
		return TypeConfig
	}
	if stateName(key) {
		return TypeState
	}
	if strings.HasPrefix(key, canaryPrefix) {
		return TypeCanary
	}
	if id, ok := strings.CutPrefix(key, treesPrefix); ok && isID(id) {
		return TypeTree
	}
	if resticID(key) == "" {
		return TypeOther
	}
	switch dir, _, _ := strings.Cut(key, "/"); dir {
	case "keys":
		return TypeKey
	case "locks":
		return TypeLock
	case "index":
		return TypeIndex
	case "snapshots":
		return TypeSnapshot
	}
	return TypePack
}

// resticID is the SHA-256 in the name of a restic object, which is that of its
// bytes; "" for other objects.
func resticID(key string) string {
	dir, id := path.Split(key)
	if !isID(id) {
		return ""
	}
	switch dir {
	case "index/", "keys/", "locks/", "snapshots/", "data/" + id[:2] + "/":
		return id
	}
	return ""
}

// isID reports whether a name is a SHA-256 in hexadecimal digits.
func isID(text string) bool { return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == "" }

// partOfRepository excludes locks, saved states and what else RWM writes, which come and
// go. What others have called like that, such as a repository at the prefix rwm/, is
// none of these.
func partOfRepository(key string) bool {
	switch TypeOf(key) {
	case TypeLock, TypeState, TypeCanary, TypeTree:
		return false
	}
	// Whatever it is called, what lies where locks do is one, but for the config of a
	// repository at the prefix locks/.
	name, ok := strings.CutPrefix(key, "locks/")
	return !ok || name == "config" || strings.Contains(name, "/")
}

// Saved states are objects with these names in the bucket itself.
const (
	statePrefix = "rwm/state_"
	stateSuffix = ".json.gz"
)

func stateName(key string) bool {
	return strings.HasPrefix(key, statePrefix) && strings.HasSuffix(key, stateSuffix)
}

// isState reports whether a version has the key of a saved state.
func isState(v *Version) bool { return !v.DeleteMarker && stateName(v.Key) }

// canaryPrefix begins the keys of the objects on which RWM tries out what a server
// refuses.
const canaryPrefix = "rwm/canary_"

// treesPrefix begins the names of copies of packs of trees (restic.Session.Prune). They
// come and go with each prune, and their readers compare them with their names; so
// nothing that happens to them is a sign of anything.
const treesPrefix = "rwm/trees/"

// canaryKey returns a new key of that kind; what names the purpose.
func canaryKey(what string) string { return canaryPrefix + what + strings.ToLower(rand.Text()[:12]) }

// sameBytes compares what the server recorded. The ETag of a multipart upload says
// nothing about the bytes, but restic makes none.
func sameBytes(a, b *Version) bool {
	return a.Size == b.Size && s3versions.BareETag(a.ETag) == s3versions.BareETag(b.ETag)
}
