package restictest_test

import (
	"context"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/restic/restictest"
)

// A program's own test for goroutines that stay passes after a session has been used
// and closed, even if its operations failed.
func TestNoGoroutinesStay(t *testing.T) {
	t.Run("session", func(t *testing.T) {
		s, _ := restictest.New(t)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := s.Backup(ctx, restic.BackupOptions{FS: fstest.MapFS{"a": {Data: []byte("a")}}, OnEvent: func(restic.Event) {}}); err != nil {
			t.Error(err)
		}
		if _, err := s.Backup(ctx, restic.BackupOptions{Reader: strings.NewReader("")}); err == nil {
			t.Error("an empty stream was taken")
		}
		files, err := s.FS(ctx, "latest")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.ReadFile(files, "a"); err != nil {
			t.Error(err)
		}
		cancel() // the FS is left to the session
	})
	// docs/embedding.md names those of restic's own, and no more are there.
	text, err := os.ReadFile("../../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	var engine []goleak.Option
	for _, match := range regexp.MustCompile(`goleak.IgnoreAnyFunction\("(.*?)"\)`).FindAllSubmatch(text, -1) {
		engine = append(engine, goleak.IgnoreAnyFunction(string(match[1])))
	}
	if err := goleak.Find(engine...); err != nil {
		t.Error(err)
	}
}
