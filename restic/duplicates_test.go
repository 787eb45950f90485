package restic

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// TestDuplicateNames: of several nodes with one name, which only a damaged or hostile
// tree has, dump takes the first, as restic's dump does, and a file system has the
// last, as restic's mount does.
func TestDuplicateNames(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc := initLocal(t)
	err := s.run(t.Context(), access{write: true, index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		var tree engrestic.ID
		err := repo.WithBlobUploader(ctx, func(ctx context.Context, up engrestic.BlobSaverWithAsync) error {
			var texts [][]byte
			for _, content := range []string{"first", "second", "last"} {
				id, _, _, err := up.SaveBlob(ctx, engrestic.DataBlob, []byte(content), engrestic.ID{}, false)
				if err != nil {
					return err
				}
				n := &engdata.Node{Name: "a", Type: engdata.NodeTypeFile, Mode: 0o600, Links: 1, Size: uint64(len(content)), Content: engrestic.IDs{id}}
				text := treeText(t, n)
				texts = append(texts, text[len(`{"nodes":[`):len(text)-len("]}\n")])
			}
			raw := slices.Concat([]byte(`{"nodes":[`), bytes.Join(texts, []byte(",")), []byte("]}\n"))
			var err error
			tree, _, _, err = up.SaveBlob(ctx, engrestic.TreeBlob, raw, engrestic.ID{}, false)
			return err
		})
		if err != nil {
			return err
		}
		sn, err := engdata.NewSnapshot([]string{"/x"}, nil, "host", time.Now())
		if err != nil {
			return err
		}
		sn.Tree = &tree
		_, err = engdata.SaveSnapshot(ctx, repo, sn)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := cli.MustRun(t, cliRepo(t, loc), "dump", "latest", "/a").Stdout
	var got bytes.Buffer
	if err := s.Dump(t.Context(), DumpOptions{Snapshot: "latest", Path: "/a"}, &got); err != nil || got.String() != string(want) {
		t.Errorf("dump: %q, %v; restic dumps %q", got.String(), err, want)
	}
	f, err := s.FS(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if raw, err := f.ReadFile("a"); err != nil || string(raw) != "last" {
		t.Errorf("file system: %q, %v", raw, err)
	}
	if list, err := f.ReadDir("."); err != nil || len(list) != 1 {
		t.Errorf("file system: %v, %v", list, err)
	}
}
