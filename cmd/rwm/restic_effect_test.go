package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every restic command says what it does to its repository, and a dry run counts as
// reading.
func TestEveryResticCommandStatesItsEffect(t *testing.T) {
	var c cli
	parser, err := newParser(&c, os.Stdout, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		_, states := leaf.Target.Interface().(affecting)
		if inRestic := strings.HasPrefix(leaf.FullPath(), "rwm restic "); states != inRestic {
			t.Errorf("%s: states an effect: %v", leaf.FullPath(), states)
		}
	}
	want := []string{"cat", "check", "copy", "diff", "dump", "find", "key list", "list", "ls", "mount", "restore", "snapshots", "stats"}
	if got := pastCommands(parser.Model); !slices.Equal(got, want) {
		t.Errorf("commands for the past: %q", got)
	}
	var dry []string
	for _, leaf := range parser.Model.Leaves(true) {
		if effectOf(leaf).dryRun {
			dry = append(dry, resticName(leaf))
		}
	}
	if want := []string{"forget", "prune", "repair snapshots", "rewrite"}; !slices.Equal(dry, want) {
		t.Errorf("dry runs for the past: %q", dry)
	}
}

func TestNoLockIsForReading(t *testing.T) {
	for _, test := range []struct {
		args          string
		noLock, error bool
	}{
		{"snapshots", true, false},
		{"copy", true, false},
		{"restore latest --target x --dry-run", true, false},
		{"backup x", false, false},
		{"backup x --dry-run", true, false},
		{"rewrite --exclude x", false, false},
		{"rewrite --exclude x -n", true, false},
		{"repair index", false, false},
		{"rebuild-index", false, false},
		{"prune", true, true},
		{"forget --dry-run", true, false},
		{"forget", true, true},
	} {
		a := &app{}
		parser, err := newParser(&a.cli, os.Stdout, os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		var kctx *kong.Context
		kctx, err = parser.Parse(append([]string{"restic", "--no-lock"}, strings.Fields(test.args)...))
		if err != nil {
			t.Fatal(err)
		}
		err = a.checkNoLock(kctx)
		if (err != nil) != test.error || a.cli.Restic.NoLock != test.noLock {
			t.Errorf("%s: %v, --no-lock %v", test.args, err, a.cli.Restic.NoLock)
		}
	}
}
