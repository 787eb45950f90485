package fusemount

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// readOnly makes the mount read-only, as an option of mount(2) or fusermount3.
func readOnly(o *fuse.MountOptions) {
	if os.Geteuid() == 0 {
		o.DirectMountStrict = true
		o.DirectMountFlags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_RDONLY
		return
	}
	o.Options = append(o.Options, "ro")
}

// available reports what is missing for a mount.
func available(opts Options) error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("%w: there is no /dev/fuse; load the kernel's module (modprobe fuse), or give the container the device (--device /dev/fuse)", ErrNoFUSE)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := fusermount(); err != nil {
		return fmt.Errorf("%w: fusermount3 is not installed, without which only root can mount; install the package fuse3", ErrNoFUSE)
	}
	if err := unix.Access("/dev/fuse", unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf("%w: this user may not open /dev/fuse: %w", ErrNoFUSE, err)
	}
	if opts.AllowOther && !userAllowOther() {
		return fmt.Errorf("%w: allow-other needs the line user_allow_other in /etc/fuse.conf, or root", ErrNoFUSE)
	}
	return nil
}

func userAllowOther() bool {
	conf, err := os.ReadFile("/etc/fuse.conf")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(conf)) {
		if strings.TrimSpace(line) == "user_allow_other" {
			return true
		}
	}
	return false
}

func fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// unmount frees dir.
func unmount(dir string) (Result, error) {
	err := umount(dir, false)
	if err == nil {
		return Result{}, nil
	}
	if mountedOn(dir) == "" {
		return Result{}, nil // another process was faster
	}
	r := Result{Lazy: true, Holders: holders(dir)}
	if err := umount(dir, true); err != nil {
		return Result{}, err
	}
	return r, nil
}

func umount(dir string, lazy bool) error {
	if os.Geteuid() == 0 {
		flags := unix.UMOUNT_NOFOLLOW
		if lazy {
			flags |= unix.MNT_DETACH
		}
		return os.NewSyscallError("umount", unix.Unmount(dir, flags))
	}
	path, err := fusermount()
	if err != nil {
		return err
	}
	args := []string{"-u", dir}
	if lazy {
		args = []string{"-u", "-z", dir}
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", path, err, bytes.TrimSpace(out))
	}
	return nil
}

// cleanStale detaches mounts of this program on dir whose process has ended.
func cleanStale(dir string, log *slog.Logger) error {
	for range 16 { // they can be stacked
		what := mountedOn(dir)
		if what != "fuse."+fsType || !dead(dir) {
			return nil
		}
		log.Warn("cleaning up after a mount whose process has ended", "dir", dir)
		if err := umount(dir, true); err != nil {
			return fmt.Errorf("a killed process left a mount here that cannot be removed: %w", err)
		}
	}
	return fmt.Errorf("too many stale mounts")
}

// dead reports whether no process serves the file system at dir. The kernel may answer
// stat from its caches, but not statfs.
func dead(dir string) bool {
	answer := make(chan error, 1)
	go func() {
		var st unix.Statfs_t
		answer <- unix.Statfs(dir, &st)
	}()
	select {
	case err := <-answer:
		return errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED)
	case <-time.After(5 * time.Second):
		return false // it is served, though busy
	}
}

// mountedOn returns the type of the file system that is mounted on dir last, or "".
func mountedOn(dir string) string {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	return lastMount(f, dir)
}

// lastMount reads mountinfo; see proc_pid_mountinfo(5).
func lastMount(mountinfo io.Reader, dir string) (fsType string) {
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) > 4 && len(rest) > 0 && unescape(fields[4]) == dir {
			fsType = rest[0]
		}
	}
	return fsType
}

// unescape replaces \040 and the like.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
