package restic_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cesnet/rwm/restic"
)

// The tree of a snapshot and the first blob of a file in it.
func ExampleReader() {
	ctx := context.Background()
	tmp, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	letter := filepath.Join(tmp, "letter.txt")
	if err := os.WriteFile(letter, []byte("Dear reader"), 0o644); err != nil {
		log.Fatal(err)
	}
	s, err := restic.Init(ctx, restic.Local(filepath.Join(tmp, "repository")), "a long password", restic.WithoutCache())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{letter}}); err != nil {
		log.Fatal(err)
	}

	r, err := s.Reader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = r.Close() }() // before the session
	sn, _, err := s.FindSnapshot(ctx, "latest", restic.SnapshotFilter{})
	if err != nil {
		log.Fatal(err)
	}
	for tree := sn.Tree; ; {
		raw, err := r.LoadBlob(ctx, restic.BlobHandle{Type: restic.BlobTree, ID: tree})
		if err != nil {
			log.Fatal(err)
		}
		nodes, err := restic.DecodeTree(raw)
		if err != nil {
			log.Fatal(err)
		}
		if nodes[0].Type == restic.NodeDir {
			tree = *nodes[0].Subtree
			continue
		}
		content, err := r.LoadBlob(ctx, restic.BlobHandle{Type: restic.BlobData, ID: nodes[0].Content[0]})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", nodes[0].Name, content)
		return
	}
	// Output: letter.txt: Dear reader
}
