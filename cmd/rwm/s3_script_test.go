package main

import (
	"encoding/json"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// oldest STREAM sets $OLDEST to the last version ID that was printed as JSON.
func oldest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oldest STREAM")
	}
	var last struct {
		VersionID string `json:"version_id"`
	}
	for dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0]))); dec.More(); {
		ts.Check(dec.Decode(&last))
	}
	ts.Setenv("OLDEST", last.VersionID)
}
