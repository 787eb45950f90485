package restic_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cesnet/rwm/restic"
)

// Another place gets one snapshot, by any means that copy files: Needs lists what it
// takes, and nothing but that is copied.
func ExampleNeeds() {
	ctx := context.Background()
	tmp, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	source, repository, other := filepath.Join(tmp, "source"), filepath.Join(tmp, "repository"), filepath.Join(tmp, "other")
	if err := os.MkdirAll(source, 0o755); err != nil {
		log.Fatal(err)
	}
	s, err := restic.Init(ctx, restic.Local(repository), "a long password", restic.WithoutCache())
	if err != nil {
		log.Fatal(err)
	}
	var last *restic.BackupResult
	for _, text := range []string{"first draft", "second draft"} {
		if err := os.WriteFile(filepath.Join(source, "letter.txt"), []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
		if last, err = s.Backup(ctx, restic.BackupOptions{Paths: []string{source}}); err != nil {
			log.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}

	needed, _, err := restic.Needs(ctx, restic.Local(repository), "a long password", restic.NeedsOptions{Snapshots: []restic.ID{last.SnapshotID}}, restic.WithoutCache())
	if err != nil {
		log.Fatal(err)
	}
	for key := range needed.All() {
		object, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(key)))
		if err != nil {
			log.Fatal(err)
		}
		file := filepath.Join(other, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(file, object, 0o600); err != nil {
			log.Fatal(err)
		}
	}

	copied, err := restic.Open(ctx, restic.Local(other), "a long password", restic.WithoutCache())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = copied.Close() }()
	snapshots, err := copied.Snapshots(ctx, restic.SnapshotFilter{})
	if err != nil {
		log.Fatal(err)
	}
	if err := copied.Dump(ctx, restic.DumpOptions{Snapshot: "latest", Path: filepath.Join(source, "letter.txt")}, os.Stdout); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\n%d snapshot\n", len(snapshots))
	// Output:
	// second draft
	// 1 snapshot
}
