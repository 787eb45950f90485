package keeper_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cesnet/rwm/keeper"
)

// What will run when, before anything has: no request is sent.
func ExampleKeeper_Explain() {
	dir, err := os.MkdirTemp("", "keeper-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cfg, err := keeper.ParseConfig(strings.NewReader(`
defaults:
  s3_endpoint_url: https://s3.example.org
  s3_access_key: KEY
  s3_secret_key_file: /etc/rwm/keeper.secret
storages:
  web1:
    restic_bucket: web1-backups
    restic_password_file: /etc/rwm/web1.password
`), "keeper.conf")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.StateDir = dir
	k, err := keeper.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	plans, err := k.Explain(4 * time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range plans[0].Tasks {
		if t.Runs > 0 {
			fmt.Printf("%s, %s\n", t.Does, t.Every)
		}
	}
	// Output:
	// list all versions, always
	// check policy and versioning, always
	// judge the history, always
	// prove the newest moment, 1d
	// look for ransomware, always
	// read packs, 90d
	// do a restore drill, 7d
}
