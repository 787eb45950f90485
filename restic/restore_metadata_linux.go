package restic

import (
	"os"

	"golang.org/x/sys/unix"

	engdata "github.com/restic/restic/rwmlink/data"
)

// restoreUsual restores the metadata of a file as the engine does, owner first, mode
// last. It returns false for a file with extended attributes, before or after, and
// where something fails: then the engine does it all again, and reports what is wrong.
func restoreUsual(n *engdata.Node, path string) bool {
	if len(n.ExtendedAttributes) > 0 || len(n.GenericAttributes) > 0 || os.Lchown(path, int(n.UID), int(n.GID)) != nil {
		return false
	}
	if size, err := unix.Llistxattr(path, nil); err != nil || size > 0 {
		return false
	}
	times := []unix.Timespec{unix.NsecToTimespec(n.AccessTime.UnixNano()), unix.NsecToTimespec(n.ModTime.UnixNano())}
	if unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return false
	}
	return os.Chmod(path, n.Mode) == nil
}
