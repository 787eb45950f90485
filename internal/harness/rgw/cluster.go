package rgw

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/harness/ports"
)

// Cluster is a running gateway.
type Cluster struct {
	// URL is the S3 endpoint, e.g. "http://127.0.0.1:40311".
	URL string
	// URLTLS is the same over HTTPS, with the certificate of CertFile.
	URLTLS string

	root      string // see Options; "" for this system
	dir       string
	processes []*process // in the order they were started
	// ended ends the start, for a daemon has ended; nil when the start is over.
	ended context.CancelCauseFunc
}

// programs are the ones of Ceph that a cluster is made of.
var programs = []string{"monmaptool", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph"}

// Missing lists the programs that are not installed. With an empty list Start can
// work.
func Missing() []string {
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// startLimit bounds a start, which takes seconds: Ceph's programs wait five minutes and
// longer for a daemon that does not answer.
const startLimit = 4 * time.Minute

// errSlow is the cause of a start that took longer.
var errSlow = fmt.Errorf("not done within %s", startLimit)

// Start makes a new cluster with the given users in dir, which must be an empty
// directory or not exist, and waits until its gateway answers. When Start fails it
// has stopped what it started; the logs stay in dir.
func Start(ctx context.Context, dir string, users ...User) (*Cluster, error) {
	return StartWith(ctx, dir, Options{}, users...)
}

// Options change the gateway that StartWith starts.
type Options struct {
	// LifecycleDay is how long a day is to lifecycle, in whole seconds; 0 for a real
	// one. Retention keeps real time.
	LifecycleDay time.Duration
	// Root is a directory with another system that has Ceph installed, such as a newer
	// one (newer.sh); the cluster's directory is below it. "" for this system.
	Root string
}

// StartWith is Start with options.
func StartWith(ctx context.Context, dir string, opts Options, users ...User) (_ *Cluster, err error) {
	if missing := Missing(); opts.Root == "" && len(missing) > 0 {
		return nil, fmt.Errorf("ceph is not installed: no program %s", strings.Join(missing, ", "))
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	// Ceph's daemons cannot choose a port and report it.
	free, err := ports.Free(3)
	if err != nil {
		return nil, err
	}
	root := ""
	if opts.Root != "" {
		if root, err = filepath.Abs(opts.Root); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(dir, root+"/") {
			return nil, fmt.Errorf("the cluster's directory %s is not below %s", dir, root)
		}
	}
	c := &Cluster{root: root, dir: dir, URL: fmt.Sprintf("http://127.0.0.1:%d", free[1]), URLTLS: fmt.Sprintf("https://127.0.0.1:%d", free[2])}
	ctx, done := context.WithTimeoutCause(ctx, startLimit, errSlow)
	defer done()
	ctx, c.ended = context.WithCancelCause(ctx)
	defer c.ended(nil)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start ceph in %s: %w%s", dir, err, c.lastWords()), c.Stop())
		}
	}()
	data := confData{Dir: c.inside(dir), FSID: newUUID(), MonPort: free[0], RGWPort: free[1], TLSPort: free[2], Cert: c.inside(c.CertFile()), LifecycleDay: int(opts.LifecycleDay / time.Second)}
	if err := c.layOut(data); err != nil {
		return nil, err
	}
	if err := c.boot(ctx, data); err != nil {
		return nil, err
	}
	if err := c.addUsers(ctx, users); err != nil {
		return nil, err
	}
	return c, nil
}

// layOut makes the directories and the configuration.
func (c *Cluster) layOut(data confData) error {
	if entries, err := os.ReadDir(c.dir); err == nil && len(entries) > 0 {
		return errors.New("the directory is not empty")
	}
	for _, sub := range []string{"mon", "osd", "rgw", "run", "log"} {
		if err := os.MkdirAll(filepath.Join(c.dir, sub), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(c.dir, "keyring"), nil, 0o600); err != nil {
		return err
	}
	if err := c.writeCert(); err != nil {
		return err
	}
	f, err := os.Create(c.conf())
	if err != nil {
		return err
	}
	return errors.Join(writeConf(f, data), f.Close())
}

// boot starts the daemons. The storage daemon and the gateway wait for what they
// need by themselves, so only the monitor is waited for.
func (c *Cluster) boot(ctx context.Context, data confData) error {
	monmap := filepath.Join(data.Dir, "monmap")
	osdID := newUUID()
	mon := fmt.Sprintf("[v2:127.0.0.1:%d]", data.MonPort)
	steps := []func() error{
		func() error {
			return c.run(ctx, "monmaptool", "--create", "--fsid", data.FSID, "--addv", "a", mon, monmap)
		},
		func() error { return c.run(ctx, "ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap) },
		func() error { return c.spawn("mon", "ceph-mon", "-i", "a", "-f") },
		func() error { return c.run(ctx, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osdID) },
		func() error { return c.run(ctx, "ceph", "osd", "new", osdID, "0") },
		func() error { return c.spawn("osd", "ceph-osd", "-i", "0", "-f") },
		func() error { return c.spawn("rgw", "radosgw", "-n", "client.rgw.a", "-f") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return c.wait(ctx)
}

// wait returns when the gateway answers, or with the words of a daemon that died.
func (c *Cluster) wait(ctx context.Context) error {
	for !c.answers(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w", c.URL, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func (c *Cluster) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close() //nolint:errcheck // only the status counts
	return resp.StatusCode == http.StatusOK
}

// Stop ends the daemons, the gateway first, and waits until they are gone. The
// directory stays.
func (c *Cluster) Stop() error {
	var errs []error
	for i := len(c.processes) - 1; i >= 0; i-- {
		errs = append(errs, c.processes[i].stop())
	}
	c.processes = nil
	return errors.Join(errs...)
}

func (c *Cluster) conf() string { return filepath.Join(c.dir, "ceph.conf") }

func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails, says its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
