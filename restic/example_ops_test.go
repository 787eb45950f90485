package restic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/cesnet/rwm/restic"
)

// session is what Open returned.
var session *restic.Session

// Getting files back: all that can be had is restored, and what cannot is listed.
func ExampleSession_Restore() {
	result, err := session.Restore(context.Background(), restic.RestoreOptions{
		Snapshot: "latest:/home/me",
		Target:   "/tmp/restored",
		Patterns: restic.Patterns{Excludes: []string{"*.iso"}},
		Verify:   true,
	})
	var failed *restic.RestoreFailedError
	switch {
	case errors.As(err, &failed):
		for _, item := range failed.Failed {
			fmt.Println("lost:", item.Item, item.Err)
		}
	case err != nil:
		log.Fatal(err)
	}
	fmt.Println(result.FilesRestored, "restored,", result.FilesVerified, "verified")
}

// Thinning out old snapshots and winning the space back.
func ExampleSession_Forget() {
	result, err := session.Forget(context.Background(), restic.ForgetOptions{
		Policy: restic.Policy{Daily: 7, Weekly: 5, Within: restic.Duration{Days: 30}},
		Prune:  &restic.PruneOptions{},
		OnEvent: func(ev restic.Event) {
			if p, ok := ev.(restic.Progress); ok {
				fmt.Printf("%s: %d of %d\n", p.Task, p.Done, p.Total)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.Removed), "snapshots removed")
	if result.Prune != nil {
		fmt.Println(result.Prune.FreedBytes(), "bytes freed")
	}
}

// Looking for damage, and what it means for the snapshots.
func ExampleSession_Check() {
	result, err := session.Check(context.Background(), restic.CheckOptions{
		ReadData: true,
		Subset:   restic.SubsetPart(1, 7), // the seventh part each day reads everything in a week
	})
	if !errors.Is(err, restic.ErrDamaged) {
		return
	}
	for _, finding := range result.Findings {
		fmt.Println(finding)
	}
	for _, snapshot := range result.Affected {
		fmt.Println("snapshot", snapshot.ID.Short(), "has lost", snapshot.Paths)
	}
}

// A directory as a tar archive, streamed.
func ExampleSession_Dump() {
	var w io.Writer = os.Stdout
	if err := session.Dump(context.Background(), restic.DumpOptions{Snapshot: "latest", Path: "/etc"}, w); err != nil {
		log.Fatal(err)
	}
}

// A second copy of everything, which can be brought up to date by doing it again.
func ExampleSession_CopyTo() {
	ctx := context.Background()
	second, err := restic.Open(ctx, restic.Local("/mnt/disk/repository"), "another password")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	result, err := session.CopyTo(ctx, second, restic.CopyOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.Copied), "copied,", len(result.Skipped), "were there")
}

// Listing a folder.
func ExampleSession_Ls() {
	err := session.Ls(context.Background(), restic.LsOptions{Snapshot: "latest", Dirs: []string{"/etc"}}, restic.LsVisitor{
		Node: func(n restic.Node) error {
			fmt.Println(n.Mode, n.Size, n.Path)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
}
