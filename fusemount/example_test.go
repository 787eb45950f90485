package fusemount_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/cesnet/rwm/fusemount"
	"github.com/cesnet/rwm/restic"
)

// Mount a repository until Ctrl-C.
func ExampleMount() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := restic.Open(ctx, restic.Local("/srv/repository"), os.Getenv("RESTIC_PASSWORD"))
	if err != nil {
		log.Print(err)
		return
	}
	defer s.Close()
	f, err := fusemount.Mount(ctx, s, "/mnt/backups", fusemount.Options{Filter: restic.SnapshotFilter{Hosts: []string{"web1"}}})
	if err != nil {
		log.Print(err)
		return
	}
	defer f.Close() // before the session is closed
	if err := f.Ready(ctx); err != nil {
		log.Print(err)
		return
	}
	fmt.Println("look into", f.Dir())
	result, err := f.Wait()
	fmt.Println(result, err)
}
