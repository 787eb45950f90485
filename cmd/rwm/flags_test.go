package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// Every command of restic is there with every flag and short form its own help
// lists, and none besides.
func TestCommandsAndFlagsAreThoseOfRestic(t *testing.T) {
	restic := resticcli.Current(t).Path()
	var c cli
	parser, err := newParser(&c, os.Stdout, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	ours := child(parser.Model.Node, "restic")
	for _, name := range resticCommands(t, restic) {
		node := ours
		for _, word := range strings.Fields(name) {
			node = child(node, word)
			if node == nil {
				break
			}
		}
		if node == nil {
			if _, told := resticElsewhere[name]; !told {
				t.Errorf("restic %s: we have no such command and do not say why", name)
			}
			continue
		}
		compareFlags(t, restic, name, node)
	}
}

func child(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

var helpCommand = regexp.MustCompile(`(?m)^  ([a-z-]+)  +[A-Z]`)

// resticCommands reads the names of the commands, nested ones as "key add".
func resticCommands(t *testing.T, restic string) (names []string) {
	for _, m := range helpCommand.FindAllStringSubmatch(help(t, restic), -1) {
		if m[1] == "key" || m[1] == "repair" {
			for _, sub := range helpCommand.FindAllStringSubmatch(help(t, restic, m[1]), -1) {
				names = append(names, m[1]+" "+sub[1])
			}
		} else if m[1] != "help" {
			names = append(names, m[1])
		}
	}
	if len(names) < 30 {
		t.Fatalf("only %d commands found in restic's help: %q", len(names), names)
	}
	return names
}

func help(t *testing.T, restic string, words ...string) string {
	out, err := exec.Command(restic, append(words, "--help")...).Output()
	if err != nil {
		t.Fatalf("restic %v --help: %v", words, err)
	}
	return string(out)
}

var helpFlag = regexp.MustCompile(`(?m)^ +(?:-(\w), )?--([a-z0-9-]+)`)

func compareFlags(t *testing.T, restic, name string, node *kong.Node) {
	theirs := map[string]string{}
	for _, m := range helpFlag.FindAllStringSubmatch(help(t, restic, strings.Fields(name)...), -1) {
		theirs[m[2]] = m[1]
	}
	if len(theirs) < 20 {
		t.Fatalf("restic %s: only %d flags found", name, len(theirs))
	}
	ours := map[string]string{}
	for n := node; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			short := ""
			if f.Short != 0 {
				short = string(f.Short)
			}
			ours[f.Name] = short
			if f.Hidden || n.Parent == nil { // rwm's own, and old names
				if _, known := theirs[f.Name]; !known {
					delete(ours, f.Name)
				}
			}
		}
	}
	for flag, short := range theirs {
		if got, ok := ours[flag]; !ok || got != short {
			t.Errorf("restic %s: --%s (-%s): we have it: %v (-%s)", name, flag, short, ok, got)
		}
	}
	for flag := range ours {
		if _, ok := theirs[flag]; !ok && !onlyElsewhere[flag] {
			t.Errorf("restic %s has no --%s", name, flag)
		}
	}
}

// onlyElsewhere are flags that restic has on other systems only, and those of rwm's
// own.
var onlyElsewhere = map[string]bool{
	"use-fs-snapshot": true, "exclude-cloud-files": true,
	"cache-size": true, "read-timeout": true, "state": true, "at": true, // of the mount
	"fresh-start": true, // of init
}
