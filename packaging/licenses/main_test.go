package main

import (
	"io"
	"strings"
	"testing"
)

func TestLicenses(t *testing.T) {
	t.Chdir("../..")
	var out strings.Builder
	if err := run(&out, []string{"linux/amd64", "windows/amd64"}); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"rwm's own":      "Copyright (c) 2026 CESNET",
		"Go's":           "Copyright 2009 The Go Authors",
		"restic's":       "Copyright (c) 2014, Alexander Neumann",
		"rclone's":       "Nick Craig-Wood",
		"a Windows only": "\ngithub.com/Microsoft/go-winio v",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing", what)
		}
	}
	if strings.Contains(out.String(), "/pkg/mod/") {
		t.Error("a path of this machine is in the text")
	}
	if err := run(io.Discard, []string{"linux"}); err == nil {
		t.Error("linux without an architecture is taken")
	}
}

func TestNoLicenceIsAnError(t *testing.T) {
	if text, err := texts(t.TempDir()); err == nil {
		t.Errorf("%q", text)
	}
}
