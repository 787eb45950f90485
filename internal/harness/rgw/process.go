package rgw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a daemon of the cluster.
type process struct {
	name   string
	output string // the file its standard output and error go to
	cmd    *exec.Cmd
	done   chan struct{}
}

// run runs one of Ceph's programs to its end. During a start it does not outlive a
// daemon: it would wait for its answer.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, c.program(program), c.args(program, args)...)
	c.settle(cmd)
	out, err := cmd.CombinedOutput()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%s: %w: %s", program, cause, tail(out))
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, tail(out))
	}
	return nil
}

// spawn starts a daemon. It dies when this process does: the kernel ties that to the
// thread that started it, so a thread of its own waits for the daemon.
func (c *Cluster) spawn(name, program string, args ...string) error {
	p := &process{name: name, output: filepath.Join(c.dir, "log", name+".out"), done: make(chan struct{})}
	out, err := os.Create(p.output)
	if err != nil {
		return err
	}
	p.cmd = exec.Command(c.program(program), c.args(program, args)...)
	c.settle(p.cmd)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	started, ended := make(chan error), c.ended
	go func() {
		runtime.LockOSThread()
		defer out.Close() //nolint:errcheck // a log
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait() //nolint:errcheck // what counts is that it ended
			close(p.done)
			ended(fmt.Errorf("%s ended", p.name))
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	c.processes = append(c.processes, p)
	return nil
}

// program is where a program lies: below another root the path tells, here $PATH.
func (c *Cluster) program(name string) string {
	if c.root == "" {
		return name
	}
	return "/usr/bin/" + name
}

// settle says where a program runs.
func (c *Cluster) settle(cmd *exec.Cmd) {
	cmd.Dir = "/" // as in a unit: the classes of Debian's Ceph 18 are at lib/… from there
	cmd.Env = c.environ()
	cmd.SysProcAttr = dieWithParent(c.root)
}

// inside is how the programs name a file of the cluster.
func (c *Cluster) inside(path string) string { return strings.TrimPrefix(path, c.root) }

func (c *Cluster) args(program string, args []string) []string {
	if program == "monmaptool" {
		return args
	}
	return append([]string{"-c", c.inside(c.conf())}, args...)
}

// environ keeps settings for another cluster away from this one.
func (c *Cluster) environ() []string {
	return append(os.Environ(), "CEPH_CONF="+c.inside(c.conf()), "CEPH_ARGS=", "TMPDIR=/tmp", "MALLOC_ARENA_MAX=4")
}

// stop asks the daemon to end, and after a while makes it.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// lastWords are the ends of all logs: their directory may be a temporary one.
func (c *Cluster) lastWords() string {
	var all strings.Builder
	logs, _ := filepath.Glob(filepath.Join(c.dir, "log", "*")) // the pattern is a good one
	for _, path := range logs {
		if log, err := os.ReadFile(path); err == nil && len(log) > 0 {
			fmt.Fprintf(&all, "\n%s: %s", filepath.Base(path), tail(log))
		}
	}
	return all.String()
}

// tail is the end of a program's output, which is where it says why it ended.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}
