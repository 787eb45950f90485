package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every flag that takes text, of every command: an empty value is an error, never
// "not given". The exceptions say in their help what the empty text means.
func TestEmptyValuesAreErrors(t *testing.T) {
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"group-by": true, "host": true, "tag": true, "set": true}
	flags, exceptions := 0, map[string]bool{}
	var visit func(node *kong.Node, path []string)
	visit = func(node *kong.Node, path []string) {
		for _, flag := range node.Flags {
			if !takesValue(flag) {
				continue
			}
			flags++
			spellings := [][]string{{"--" + flag.Name, ""}, {"--" + flag.Name + "="}}
			if flag.Short != 0 {
				spellings = append(spellings, []string{"-" + string(flag.Short), ""}, []string{"-" + string(flag.Short) + "="})
			}
			for _, words := range spellings {
				_, err := orderArgs(parser.Model.Node, append(append([]string{}, path...), words...))
				if strings.Contains(flag.Help, "''") {
					exceptions[flag.Name] = true
					continue
				}
				if err == nil || !strings.Contains(err.Error(), "--"+flag.Name+" is empty") {
					t.Errorf("rwm %q %q: %v", path, words, err)
				}
			}
		}
		for _, child := range node.Children {
			if !child.Passthrough {
				visit(child, append(append([]string{}, path...), child.Name))
			}
		}
	}
	visit(parser.Model.Node, nil)
	if flags < 150 {
		t.Errorf("only %d flags", flags)
	}
	for name := range exceptions {
		if !allowed[name] {
			t.Errorf("--%s may be empty", name)
		}
	}
}

// The error is one of the command line: code 2, under restic 1, and nothing is started.
func TestEmptyValuesEndTheProgram(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{"restic", "forget", "--keep-last", "1", "--keep-within", ""}, 1},
		{[]string{"restic", "-r", "", "snapshots"}, 1},
		{[]string{"restic", "--at", "", "snapshots"}, 1},
		{[]string{"restic", "--state=", "snapshots"}, 1},
		{[]string{"restic", "forget", ""}, 1},
		{[]string{"restic", "backup", "/etc", "", "--dry-run"}, 1},
		{[]string{"--config", "", "backup-all"}, 2},
		{[]string{"storage-restore-state", "a", "b", "--at", ""}, 2},
		{[]string{"storage-drop-versions", "a", "--keep-within", ""}, 2},
		{[]string{"backup", ""}, 2},
	} {
		message, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		code := run(test.args, null, message, message)
		text, _ := os.ReadFile(message.Name())
		if code != test.code || !strings.Contains(string(text), "is empty") {
			t.Errorf("%q: code %d: %s", test.args, code, text)
		}
		_ = message.Close()
	}
}
