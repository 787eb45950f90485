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
	flag.Parse()
	code, err := run(*dir, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withrgw:", err)
	}
	os.Exit(code)
}

func run(dir string, command []string) (code int, err error) {
	if len(command) == 0 {
		return 2, errors.New("no program to run: withrgw [-dir DIR] -- PROGRAM ARGS…")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if dir == "" {
		tmp, err := os.MkdirTemp("", "rgw-*")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(tmp) //nolint:errcheck // a temporary directory
		dir = filepath.Join(tmp, "ceph")
	}
	users := newUsers()
	began := time.Now()
	cluster, err := rgw.Start(ctx, dir, users...)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(os.Stderr, "withrgw: Ceph RGW answers at %s after %.1f s\n", cluster.URL, time.Since(began).Seconds())
	defer func() { err = errors.Join(err, cluster.Stop()) }()

	return beside.Run(ctx, command, environ(cluster.URL, users)...)
}
