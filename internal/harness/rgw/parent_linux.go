package rgw

import "syscall"

// dieWithParent has a process end with this one; its programs and files are those below
// root, "" for this system's.
func dieWithParent(root string) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Chroot: root}
}
