//go:build linux

package fusemount

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cesnet/rwm/restic"
)

// The test binary is its own child where a test needs a process to kill or to signal.
func TestMain(m *testing.M) {
	switch os.Getenv("RWM_FUSEMOUNT_CHILD") {
	case "mount":
		childMount(os.Args[1], os.Args[2])
	case "read":
		childRead(os.Args[1])
	default:
		os.Exit(m.Run())
	}
}

// child starts this binary as another program.
func child(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RWM_FUSEMOUNT_CHILD="+what)
	return cmd
}

// childMount mounts a local repository and says so.
func childMount(repo, dir string) {
	ctx := context.Background()
	s, err := restic.Open(ctx, restic.Local(repo), password, restic.WithoutCache())
	if err == nil {
		var f *FileSystem
		if f, err = Mount(ctx, s, dir, Options{}); err == nil {
			err = f.Ready(ctx)
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// childRead reads a file with plain system calls while signals rain down, and prints
// how it ended.
func childRead(path string) {
	alarms := make(chan os.Signal, 1)
	signal.Notify(alarms, syscall.SIGUSR1)
	var count atomic.Int64
	go func() {
		for range alarms {
			count.Add(1)
		}
	}()
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
			}
		}
	}()
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	h, buf := []byte{}, make([]byte, 1<<20)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil {
			fmt.Println("read:", err)
			os.Exit(1)
		}
		if n == 0 {
			break
		}
		h = append(h, buf[:n]...)
	}
	close(stop)
	fmt.Printf("%d bytes %s\n", len(h), sumOf(h))
	if count.Load() < 5 {
		fmt.Println("too few signals")
		os.Exit(1)
	}
}
