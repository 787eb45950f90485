package rgw_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/rgw"
)

// A daemon that ends during the start, because its port was taken say, ends the start
// with its words: the programs that need it would wait for minutes.
func TestStartEndsWithADaemon(t *testing.T) {
	harness.NotShort(t)
	bin := t.TempDir()
	for name, script := range map[string]string{
		"monmaptool": "exit 0",
		"ceph-mon":   `case "$*" in *--mkfs*) ;; *) echo "address in use" >&2; exit 1;; esac`,
		"ceph-osd":   "exec sleep 300",
		"ceph":       "exit 1", "radosgw": "exit 1", "radosgw-admin": "exit 1",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	_, err := rgw.Start(t.Context(), filepath.Join(t.TempDir(), "ceph"))
	for _, words := range []string{"ceph-osd: mon ended", "mon.out: address in use"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("not %q: %v", words, err)
		}
	}
}
