package s3state

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrCorrupt says that an object's bytes are not those its name or ETag tells.
var ErrCorrupt = errors.New("the object's bytes are damaged")

type fileResult struct{ skipped, hashed bool }

// object brings one object. The file gets its name only when its bytes have
// been found right, so a file of the right size is a former run's.
func (d *downloader) object(ctx context.Context, o planned) (fileResult, error) {
	name, err := localName(o.Key)
	if err != nil {
		return fileResult{}, err
	}
	if fi, err := d.root.Lstat(name); err == nil {
		if !fi.Mode().IsRegular() || fi.Size() != o.Size {
			return fileResult{}, fmt.Errorf("%s is there already, and is something else", name)
		}
		return fileResult{skipped: true}, nil
	}
	if dir := filepath.Dir(name); dir != "." {
		if err := d.root.MkdirAll(dir, 0o700); err != nil {
			return fileResult{}, err
		}
	}
	part := name + ".rwm-part"
	f, err := d.root.Create(part)
	if err != nil {
		return fileResult{}, err
	}
	_ = f.Chmod(0o600)
	hashed, err := d.s.fetchChecked(ctx, d.opts.Source, o, f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = d.root.Rename(part, name)
	}
	if err != nil {
		_ = d.root.Remove(part)
	}
	return fileResult{hashed: hashed}, err
}

// localName turns a key into a path below the target directory, if it is one.
func localName(key string) (string, error) {
	name := filepath.FromSlash(key)
	if !fs.ValidPath(key) || !filepath.IsLocal(name) || strings.ContainsRune(key, 0) || strings.HasSuffix(key, ".rwm-part") || key == downloadMark {
		return "", fmt.Errorf("the key is no file name")
	}
	return name, nil
}

// fetchChecked reads a version and compares its bytes with what its name and
// its ETag say of them.
func (s *Store) fetchChecked(ctx context.Context, bucket string, o planned, w io.Writer) (hashed bool, err error) {
	body, _, err := s.openObject(ctx, bucket, o.Key, o.VersionID)
	if err != nil {
		return false, err
	}
	defer body.Close()
	want, sum := contentHash(o)
	if sum != nil {
		w = io.MultiWriter(w, sum)
	}
	n, err := io.Copy(w, body)
	switch {
	case err != nil:
		return false, err
	case n != o.Size:
		return false, fmt.Errorf("%w: %d bytes came, not %d", ErrCorrupt, n, o.Size)
	case sum == nil:
		return false, nil
	case hex.EncodeToString(sum.Sum(nil)) != want:
		return false, fmt.Errorf("%w: they hash to %x, not to %s", ErrCorrupt, sum.Sum(nil), want)
	}
	return true, nil
}

// contentHash tells the hash an object must have: of restic's objects their
// name, of others the ETag if it is an MD5.
func contentHash(o planned) (want string, sum hash.Hash) {
	if id := resticID(o.Key); id != "" {
		return id, sha256.New()
	}
	if plainETag(o.ETag) {
		return strings.ToLower(bareETag(o.ETag)), md5.New()
	}
	return "", nil
}

// resticID is the SHA-256 in the name of a restic object, which is that of its
// bytes; "" for other objects.
func resticID(key string) string {
	dir, id := path.Split(key)
	if len(id) != 64 || strings.Trim(id, hexDigits) != "" {
		return ""
	}
	switch dir {
	case "index/", "keys/", "locks/", "snapshots/", "data/" + id[:2] + "/":
		return id
	}
	return ""
}

// diskFull tells the error after which no other file can be written either.
func diskFull(err *fs.PathError) bool {
	return errors.Is(err, syscall.ENOSPC)
}
