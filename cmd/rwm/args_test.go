package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestOrderArgs(t *testing.T) {
	var c cli
	parser, err := newParser(&c, os.Stdout, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"version":            "version",
		"--config x version": "--config=x version",
		"restic snapshots -c -H h latest -g host":                     "restic snapshots --compact --host=h --group-by=host -- latest",
		"restic -r /x snapshots -cg=host a b":                         "restic --repo=/x snapshots --compact --group-by=host -- a b",
		"restic forget -l5 -d 7 --keep-tag -x id":                     "restic forget --keep-last=5 --keep-daily=7 --keep-tag=-x -- id",
		"restic -- snapshots --json":                                  "restic snapshots --json",
		"--confg x.conf restic snapshots -c":                          "--confg x.conf restic snapshots -c",
		"restic -C x snapshots":                                       "restic -C x snapshots",
		"restic --latest 1 -q snapshots x":                            "restic --quiet snapshots --latest=1 -- x",
		"restic --host=h -e *.o -nx backup /a --tag t":                "restic backup --host=h --exclude=*.o --dry-run --one-file-system --tag=t -- /a",
		"restic --user u key --json add":                              "restic key --json add --user=u",
		"restic --keep-last forget":                                   "restic --keep-last forget",
		"--read-data restic check":                                    "--read-data restic check",
		"restic snapshots -vv --nope x":                               "restic snapshots --verbose --verbose --nope -- x",
		"restic snapshots -v=2":                                       "restic snapshots --verbose=2",
		"restic snapshots -- -odd":                                    "restic snapshots -- -odd",
		"help restic forget":                                          "restic forget --help",
		"restic":                                                      "restic --help",
		"restic key -q":                                               "restic key --quiet --help",
		"restic help forget":                                          "restic forget --help",
		"aws -- s3api --help":                                         "aws s3api --help",
		"aws s3 ls -- x":                                              "aws s3 ls -- x",
		"--debug aws --version":                                       "--debug aws --version",
		"restic forget a --prune b -n":                                "restic forget --prune --dry-run -- a b",
		"storage-restore-state a b key -q3kd-_.7EzTqkVJ5bWn --quiet":  "storage-restore-state --quiet -- a b key -q3kd-_.7EzTqkVJ5bWn",
		"storage-restore-state a b key --9kd-_.7EzTqkVJ5bWn":          "storage-restore-state -- a b key --9kd-_.7EzTqkVJ5bWn",
		"storage-restore-state a b --config=/long/name/of.conf key v": "storage-restore-state --config=/long/name/of.conf -- a b key v",
		"s3 cat --version-id -q3kd-_.7EzTqkVJ5bWn b/k":                "s3 cat --version-id=-q3kd-_.7EzTqkVJ5bWn -- b/k",
	} {
		got, err := orderArgs(parser.Model.Node, strings.Fields(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if !reflect.DeepEqual(got, strings.Fields(want)) {
			t.Errorf("%s:\n got %q\nwant %q", in, got, want)
		}
	}
}

// A flag that ends the command line has no value: not the "--" that is put between
// flags and arguments, as whose name `restore latest --target` would make a directory.
func TestFlagsNeedValues(t *testing.T) {
	var c cli
	parser, err := newParser(&c, os.Stdout, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for in, flag := range map[string]string{
		"restic restore latest --target": "--target",
		"restic restore latest -t":       "--target",
		"restic tag latest --set":        "--set",
		"restic backup /a -nH":           "--host",
		"restic snapshots --host":        "--host",
		"storage-history b --html":       "--html",
		"storage-create b host --lock":   "--lock",
		"restic snapshots --config":      "--config",
		"restic --at":                    "--at",
		"--config":                       "--config",
	} {
		got, err := orderArgs(parser.Model.Node, strings.Fields(in))
		if err == nil || err.Error() != flag+" needs a value" {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"storage-check b --read-data", "restic snapshots -v", "help storage-history b --html"} {
		if _, err := orderArgs(parser.Model.Node, strings.Fields(in)); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}
