// Command withrgw runs a program with a throw-away Ceph RADOS Gateway beside it:
//
//	withrgw [-dir DIR] -- go test ./s3state
//
// The program finds the gateway through its environment, as internal/harness/s3test
// reads it. The exit code is the program's; the cluster and its directory are gone
// afterwards, unless -dir names one to keep for its logs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cesnet/rwm/internal/harness/beside"
	"github.com/cesnet/rwm/internal/harness/rgw"
)

func main() {
	dir := flag.String("dir", "", "new `directory` of the cluster, kept afterwards (default: a temporary one)")
	root := flag.String("root", "", "`directory` of another system whose Ceph is to run, from newer.sh (default: this one's)")
	flag.Parse()
	code, err := run(*dir, *root, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withrgw:", err)
	}
	os.Exit(code)
}

func run(dir, root string, command []string) (code int, err error) {
	if len(command) == 0 {
		return 2, errors.New("no program to run: withrgw [-dir DIR] -- PROGRAM ARGS…")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if dir == "" {
		tmp, err := os.MkdirTemp(tempIn(root), "rgw-*")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(tmp) //nolint:errcheck // a temporary directory
		dir = filepath.Join(tmp, "ceph")
	}
	users := newUsers()
	began := time.Now()
	cluster, err := rgw.StartWith(ctx, dir, rgw.Options{Root: root}, users...)
	if err != nil {
		return 1, err
	}
	version, err := cluster.Version(ctx)
	if err != nil {
		return 1, errors.Join(err, cluster.Stop())
	}
	fmt.Fprintf(os.Stderr, "withrgw: Ceph RGW %d answers at %s after %.1f s\n", version, cluster.URL, time.Since(began).Seconds())
	defer func() { err = errors.Join(err, cluster.Stop()) }()

	return beside.Run(ctx, command, environ(cluster, version, users)...)
}

// tempIn is the directory for temporary files of a system; "" stands for this one's.
func tempIn(root string) string {
	if root == "" {
		return ""
	}
	return filepath.Join(root, "tmp")
}
