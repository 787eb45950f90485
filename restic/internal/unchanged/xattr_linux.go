package unchanged

import (
	"bytes"
	"encoding/base64"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listXattrs reads the names of the extended attributes of what is at hand.
func (s *scratch) listXattrs() (n uintptr, errno unix.Errno) {
	if !s.oldKernel {
		// Half of the time goes into finding the file: this way it is found from its
		// directory.
		n, _, errno = unix.Syscall6(unix.SYS_LISTXATTRAT, uintptr(s.at), uintptr(unsafe.Pointer(&s.path[s.from])),
			unix.AT_SYMLINK_NOFOLLOW, uintptr(unsafe.Pointer(&s.names[0])), uintptr(len(s.names)), 0)
		if errno != unix.ENOSYS && errno != unix.EPERM { // EPERM: some sandboxes refuse what they do not know
			return n, errno
		}
		s.oldKernel = true
	}
	n, _, errno = unix.Syscall(unix.SYS_LLISTXATTR, uintptr(unsafe.Pointer(&s.path[0])),
		uintptr(unsafe.Pointer(&s.names[0])), uintptr(len(s.names)))
	return n, errno
}

// appendXattrs writes the extended attributes of what is at hand, if it has any.
// It returns false if they cannot be read as the engine would.
func (s *scratch) appendXattrs(b []byte) ([]byte, bool) {
	n, errno := s.listXattrs()
	switch {
	case errno == unix.ENOTSUP || errno == unix.ENODATA:
		return b, true
	case errno != 0:
		return b, false
	case n == 0:
		return b, true
	}
	sep := `,"extended_attributes":[{"name":`
	for rest := s.names[:n]; len(rest) > 0; sep = `,{"name":` {
		end := bytes.IndexByte(rest, 0)
		if end < 0 {
			return b, false
		}
		b = append(append(b, sep...), jsonText(string(rest[:end]))...)
		size, _, errno := unix.Syscall6(unix.SYS_LGETXATTR, uintptr(unsafe.Pointer(&s.path[0])), uintptr(unsafe.Pointer(&rest[0])),
			uintptr(unsafe.Pointer(&s.value[0])), uintptr(len(s.value)), 0, 0)
		if errno != 0 {
			return b, false
		}
		b = append(b, `,"value":"`...)
		b = base64.StdEncoding.AppendEncode(b, s.value[:size])
		b = append(b, `"}`...)
		rest = rest[end+1:]
	}
	return append(b, ']'), true
}
