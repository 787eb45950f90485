package main

import (
	"context"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/rogpeppe/go-internal/testscript"
)

// now NAME sets $NAME to the present and lets the server's clock go on a little.
func setNow(ts *testscript.TestScript, neg bool, args []string) {
	time.Sleep(1100 * time.Millisecond) // some servers count in whole seconds
	ts.Setenv(args[0], time.Now().UTC().Format(time.RFC3339))
	time.Sleep(1100 * time.Millisecond)
}

// wreck BUCKET overwrites every object and deletes every other one.
func wreckBucket(ts *testscript.TestScript, neg bool, args []string) {
	c, ctx := client(ts), context.Background()
	for i, key := range list(ts, args[0], "", false) {
		const evil = "encrypted by an attacker, who wants money"
		_, err := c.PutObject(ctx, args[0], key, strings.NewReader(evil), int64(len(evil)), minio.PutObjectOptions{})
		ts.Check(err)
		if i%2 == 0 || key == "config" || strings.HasPrefix(key, "keys/") {
			ts.Check(c.RemoveObject(ctx, args[0], key, minio.RemoveObjectOptions{}))
		}
	}
}
