//go:build darwin || freebsd

package fusemount

import "syscall"

// noAttribute is what getxattr says of an attribute that is not there.
const noAttribute = syscall.ENOATTR
