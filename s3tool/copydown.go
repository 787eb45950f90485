package s3tool

import (
	"crypto/md5" //nolint:gosec // S3's own checksum of an object
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cesnet/rwm/internal/readfile"
	"github.com/cesnet/rwm/s3versions"
)

// down copies from the server to a local path. Files are made below an [os.Root]: no
// key leads out of the destination.
func (c *copier) down(from Location, destination string) error {
	if !c.opts.Recursive {
		if err := from.object(); err != nil {
			return err
		}
		return c.downOne(from, destination)
	}
	if destination == "-" {
		return fmt.Errorf("%w: only one object can go to standard output", ErrInvalid)
	}
	if err := os.MkdirAll(destination, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(destination)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // a directory
	base := from.Key[:strings.LastIndex(from.Key, "/")+1]
	return c.many("copy "+from.String(), func(start func(func() error)) error {
		for e, err := range c.listBelow(from) {
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(e.Key, base)
			if name == "" || strings.HasSuffix(name, "/") {
				continue // a console's stand-in for an empty directory
			}
			start(func() error { return c.download(Location{Bucket: from.Bucket, Key: e.Key}, root, name) })
		}
		return nil
	})
}

func (c *copier) downOne(from Location, destination string) error {
	if destination == "-" {
		if c.opts.Output == nil {
			return fmt.Errorf("%w: no output is given for -", ErrInvalid)
		}
		return c.tool.Cat(c.ctx, from, c.opts.Output)
	}
	dir, name := destination, path.Base(from.Key)
	if info, err := os.Stat(destination); (err != nil || !info.IsDir()) && !strings.HasSuffix(filepath.ToSlash(destination), "/") {
		file, err := readfile.Replaceable(destination)
		if err != nil {
			return fmt.Errorf("%w: %w; print it: `rwm s3 cp %s -`", ErrInvalid, err, from)
		}
		dir, name = filepath.Split(file)
	}
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // a directory
	return c.download(from, root, name)
}

// download writes the object beside its destination first, under a name that depends on
// its content, so that an interrupted download of the same content resumes there.
func (c *copier) download(from Location, root *os.Root, name string) error {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) || path.Clean(name) != name || local == "." || isPartial.MatchString(name) {
		return fmt.Errorf("%w: %s: the key cannot be a file below %s", ErrInvalid, from, root.Name())
	}
	switch info, err := root.Lstat(local); {
	case err != nil && !errors.Is(err, fs.ErrNotExist): // a name too long, a file on the way
		return fmt.Errorf("copy %s: %w; nothing was changed", from, err)
	case err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink:
		return fmt.Errorf("copy %s: %w: %s is there and is not a regular file; nothing was changed", from, ErrInvalid, filepath.Join(root.Name(), local))
	}
	o, err := c.tool.Stat(c.ctx, from)
	if err != nil {
		return err
	}
	if dir := filepath.Dir(local); dir != "." {
		if err := root.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
	}
	partial := partialName(local, o)
	resumed, err := c.fetch(o, root, partial)
	if err != nil {
		return err
	}
	if err := errors.Join(root.Chtimes(partial, o.LastModified, o.LastModified), root.Rename(partial, local)); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	c.done(Copied{Source: from.String(), Destination: filepath.Join(root.Name(), local), Bytes: o.Size, Resumed: resumed})
	return nil
}

// fetch completes the partial file and checks it. A file that is wrong is removed, so
// that the next try does not build on it.
func (c *copier) fetch(o *Object, root *os.Root, partial string) (resumed int64, err error) {
	f, err := root.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return 0, fmt.Errorf("copy %s: %w", o.Location, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := md5.New() //nolint:gosec // see above
	if resumed, err = io.Copy(sum, f); err != nil {
		return 0, err
	}
	if resumed > o.Size {
		return 0, errors.Join(wrongBytes(o, "the partial file is longer than the object"), root.Remove(partial))
	}
	if err := c.tool.read(c.ctx, o, resumed, io.MultiWriter(f, sum)); err != nil {
		return 0, err
	}
	if err := check(o, sum); err != nil {
		return 0, errors.Join(err, root.Remove(partial))
	}
	return resumed, nil
}

// check compares with the ETag where that is the content's MD5.
func check(o *Object, sum hash.Hash) error {
	if got := hex.EncodeToString(sum.Sum(nil)); o.md5 && o.ETag != got {
		return wrongBytes(o, "its MD5 is "+got+", the ETag says "+o.ETag)
	}
	return nil
}

func wrongBytes(o *Object, why string) error {
	return fmt.Errorf("copy %s: %w: %s; the partial file was removed, nothing else was changed", o.Location, ErrDiffers, why)
}

// listBelow lists what is copied recursively. Nothing there is an error: it is a place
// that was misspelt, or one object.
func (c *copier) listBelow(from Location) iter.Seq2[s3versions.Object, error] {
	return func(yield func(s3versions.Object, error) bool) {
		none := true
		for e, err := range c.tool.List(c.ctx, from.below(), true) {
			none = false
			if !yield(e, err) {
				return
			}
		}
		if none && from.Key != "" {
			yield(s3versions.Object{}, fmt.Errorf("copy %s: %w: there is nothing below it", from.below(), ErrNoObject))
		}
	}
}

// isPartial matches the names of partial files. No key may be stored under one: what
// is in such a file is taken for the beginning of an object.
var isPartial = regexp.MustCompile(`\.part-[0-9a-f]{40}$`)

// partialName is where a download is kept until it is complete. It depends on all that
// tells one content from another.
func partialName(local string, o *Object) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d %d", o.Bucket, o.Key, o.VersionID, o.ETag, o.Size, o.LastModified.UnixNano()))
	dir, name := filepath.Split(local)
	if len(name) > 200 { // file names end at 255 bytes
		name = ""
	}
	return dir + name + ".part-" + hex.EncodeToString(sum[:20])
}
