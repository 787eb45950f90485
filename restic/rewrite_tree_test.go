package restic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
	engwalker "github.com/restic/restic/rwmlink/walker"
)

// TestTreeRewriter compares rewritten trees with those of the engine's walker.
func TestTreeRewriter(t *testing.T) {
	seed := harness.Seed(t)
	s, _ := initMemory(t)
	dir := dumpSource(t, rand.New(rand.NewPCG(seed, 4)))
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("new%d", i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		mustBackup(t, s, dir)
	}
	below := filepath.ToSlash(dir)
	for _, p := range []Patterns{
		{Excludes: []string{"*1"}}, {Excludes: []string{"*"}}, {Excludes: []string{"/"}}, {Excludes: []string{below}}, {Excludes: []string{below + "/a*", "nothing"}},
		{IExcludes: []string{"A*", "Z.*"}}, {Includes: []string{"*2"}}, {Includes: []string{below + "/new*"}}, {Includes: []string{"nothing"}}, {IIncludes: []string{"B*"}}, {},
	} {
		c, err := p.compile(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rewrite := func(ours, dry bool) (out []string) {
			rep := s.reporter(nil)
			defer rep.stop()
			var list engdata.Snapshots
			choose := func(ctx context.Context, repo *engrepository.Repository) (err error) {
				list, err = s.view.choose(ctx, repo, SnapshotFilter{}, rep)
				return err
			}
			err := s.run(t.Context(), access{object: dryRunObject, index: true, choose: choose}, func(ctx context.Context, repo *engrepository.Repository) error {
				w, end := newTreeRewriter(ctx, repo, c, list)
				defer end()
				return repo.WithBlobUploader(ctx, func(ctx context.Context, uploader engrestic.BlobSaverWithAsync) error {
					var saver engrestic.BlobSaver = uploader
					if dry {
						saver = namesOnly{}
					}
					for _, sn := range list {
						if ours {
							id, sum, err := w.snapshot(ctx, repo, sn, saver)
							out = append(out, fmt.Sprint(id, sum.TotalFilesProcessed, sum.TotalBytesProcessed, err))
							continue
						}
						tw, size := engwalker.NewSnapshotSizeRewriter(c.rewriteFilter())
						id, err := tw.RewriteTree(ctx, repo, saver, "/", *sn.Tree)
						out = append(out, fmt.Sprint(id, size().FileCount, size().FileSize, err))
					}
					return nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := strings.Join(rewrite(false, false), "\n")
		for _, dry := range []bool{false, true} {
			if got := strings.Join(rewrite(true, dry), "\n"); got != want {
				t.Errorf("%+v, dry run %v:\n%s\nthe engine:\n%s", p, dry, got, want)
			}
		}
	}
}
