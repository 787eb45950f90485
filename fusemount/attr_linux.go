package fusemount

import "syscall"

// noAttribute is the error of getxattr for a missing attribute.
const noAttribute = syscall.ENODATA
