package rcc_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
)

// stock runs the rclone program that is installed, with the settings that the
// documentation of rcc.Config gives.
func (w *world) stock(t *testing.T, args ...string) string {
	t.Helper()
	obscured, err := exec.Command("rclone", "obscure", w.config.Password).Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("rclone", args...)
	cmd.Env = []string{
		"HOME=" + w.home, "PATH=" + os.Getenv("PATH"), "RCLONE_CONFIG=/dev/null",
		"RCLONE_CONFIG_RWMS3_TYPE=s3", "RCLONE_CONFIG_RWMS3_PROVIDER=Other",
		"RCLONE_CONFIG_RWMS3_ENDPOINT=" + w.config.Endpoint,
		"RCLONE_CONFIG_RWMS3_ACCESS_KEY_ID=" + w.config.AccessKey,
		"RCLONE_CONFIG_RWMS3_SECRET_ACCESS_KEY=" + w.config.SecretKey,
		"RCLONE_CONFIG_RWMBE_TYPE=crypt", "RCLONE_CONFIG_RWMBE_REMOTE=rwms3:" + w.config.Bucket,
		"RCLONE_CONFIG_RWMBE_PASSWORD=" + strings.TrimSpace(string(obscured)),
	}
	o := run(t, cmd)
	if o.code != 0 {
		t.Fatalf("rclone %s: %v", strings.Join(args, " "), o)
	}
	return o.stdout
}

func needStock(t *testing.T) {
	t.Helper()
	harness.NeedPrograms(t, "make packages", "rclone")
}

// A stock rclone reads what rcc writes, and finds nothing to do when it syncs the same
// files.
func TestStockReadsOurs(t *testing.T) {
	needStock(t)
	w := newWorld(t)
	source, back := t.TempDir(), t.TempDir()
	writeFiles(t, source)
	w.rcc(t, "sync", source, "rwmbe:")
	w.stock(t, "copy", "rwmbe:", back)
	sameTree(t, back, source)
	w.stock(t, "cryptcheck", source, "rwmbe:")

	before := w.keys(t)
	w.stock(t, "sync", "--immutable", source, "rwmbe:")
	if after := w.keys(t); strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("the stock rclone names files otherwise:\n%q\n%q", before, after)
	}
	if ours, theirs := w.rcc(t, "lsl", "rwmbe:"), w.stock(t, "lsl", "rwmbe:"); sorted(ours) != sorted(theirs) {
		t.Errorf("lsl differs:\n%s\n%s", ours, theirs)
	}
}

func TestOursReadsStock(t *testing.T) {
	needStock(t)
	w := newWorld(t)
	source, back := t.TempDir(), t.TempDir()
	writeFiles(t, source)
	w.stock(t, "sync", source, "rwmbe:")
	w.rcc(t, "copy", "rwmbe:", back)
	sameTree(t, back, source)
	w.rcc(t, "cryptcheck", source, "rwmbe:")
	w.rcc(t, "sync", "--immutable", source, "rwmbe:")
}

func sorted(lines string) string {
	l := strings.Split(lines, "\n")
	slices.Sort(l)
	return strings.Join(l, "\n")
}
