//go:build !linux

package rgw

import "syscall"

// dieWithParent: only Linux can; elsewhere Stop has to be called.
func dieWithParent(string) *syscall.SysProcAttr { return nil }
