package restic

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	engdata "github.com/restic/restic/rwmlink/data"
)

// What a snapshot says must not lead a restore out of its target, nor have it delete
// what it cannot know. The engine's restorer takes care of names that are paths, but
// not of the following.

// sound refuses a tree in which two entries have the same name: once the restorer had
// made a symbolic link of the first, it would restore the second through it. When files
// are deleted it refuses one that cannot be read to its end, since the restorer deletes
// everything that it has found no entry for.
func (r *restoreAhead) sound(e *aheadTree) error {
	ordered, last := true, ""
	for item := range e.all() {
		n := item.Node
		switch {
		case item.Error != nil && r.o.Delete:
			return item.Error
		case item.Error != nil:
			return twiceUnlessOrdered(e, ordered)
		case r.o.Delete && n.Type == engdata.NodeTypeDir && n.Subtree == nil:
			return fmt.Errorf("%w: the directory %q has no tree", ErrDamaged, n.Name)
		}
		ordered = ordered && n.Name > last
		last = n.Name
	}
	return twiceUnlessOrdered(e, ordered)
}

func twiceUnlessOrdered(e *aheadTree, ordered bool) error {
	if ordered && !caseless {
		return nil
	}
	return twice(e, caseless)
}

// tooLong is the error of a directory whose path no system call takes: nothing in it can
// be restored. A few forged trees can be nested so deep that the errors of all that
// lies below take gigabytes.
func (r *restoreAhead) tooLong() error {
	most := 4096
	if runtime.GOOS == "windows" {
		most = 3 * 32767
	}
	if len(r.target)+len(r.dir) <= most {
		return nil
	}
	return fmt.Errorf("the path is too long for this system, and nothing below is restored: %w", syscall.ENAMETOOLONG)
}

// caseless says that file systems usually take names that differ in case as the same.
const caseless = runtime.GOOS == "windows" || runtime.GOOS == "darwin"

// twice returns an error if a tree has a name twice. With fold, names are the same
// whatever their case, if one of them is a symbolic link: of two files that differ in
// case, the last one is restored.
func twice(e *aheadTree, fold bool) error {
	seen := make(map[string]struct{})
	folded := make(map[string]bool) // whether it is a link
	for item := range e.all() {
		if item.Error != nil {
			break // which is the restorer's to report
		}
		name := item.Node.Name
		_, same := seen[name]
		seen[name] = struct{}{}
		if fold {
			lower, link := strings.ToLower(name), item.Node.Type == engdata.NodeTypeSymlink
			other, known := folded[lower]
			same = same || known && (link || other)
			folded[lower] = link || other
		}
		if same {
			return fmt.Errorf("%w: the directory has two entries named %q", ErrDamaged, name)
		}
	}
	return nil
}

// errThroughLink is the error of a directory that is a symbolic link in the target.
var errThroughLink = errors.New("it is a symbolic link in the target, and would be restored to where that points")

// through reports whether a directory of the snapshot is a symbolic link in the target
// that must not be followed. The restorer replaces links by the directories that it
// restores, but not by those that it only passes through to what is selected below
// them; such a link is followed as long as it stays in the target. Once directories are
// made, none is a link.
func (r *restoreAhead) through(path string, selected bool) bool {
	if selected && r.pass != passMetadata {
		return false
	}
	full := filepath.Join(r.target, path)
	if info, err := os.Lstat(full); err != nil || info.Mode()&os.ModeSymlink == 0 {
		return false
	}
	if selected && !r.o.DryRun {
		return true
	}
	real, err := filepath.EvalSymlinks(full)
	if err != nil {
		return true
	}
	target, err := filepath.EvalSymlinks(r.target)
	return err != nil || !pathBelow(filepath.ToSlash(target), filepath.ToSlash(real))
}
