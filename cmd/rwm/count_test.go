package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// No text says "1 moments": a number before a noun goes through count. restic's own
// words ("1 snapshots") are kept where a command is held to restic's output, and those
// of what is always more than one.
func TestCountsReadWell(t *testing.T) {
	for want, got := range map[string]string{"1 moment": count(1, "moment"), "0 packs": count(int64(0), "pack"), "2 indexes": count(uint64(2), "index"), "1 index": count(1, "index")} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	counted := regexp.MustCompile(`%d (moments|requests|snapshots|packs|objects|versions|delete markers|trees|errors|days|problems|versions and markers)\b`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "restic_") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		looked++
		for _, match := range counted.FindAllString(string(text), -1) {
			t.Errorf("%s: %q may say 1 of them: use count", name, match)
		}
	}
	if looked < 20 {
		t.Errorf("only %d files looked at", looked)
	}
}
