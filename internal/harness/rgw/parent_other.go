//go:build !linux

package rgw

import "syscall"

// dieWithParent: only Linux can; elsewhere Stop has to be called.
func dieWithParent() *syscall.SysProcAttr { return nil }
