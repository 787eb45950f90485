package rcc_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A program that embeds the library must not get rclone with it.
func TestTheLibraryIsFreeOfRclone(t *testing.T) {
	packages := []string{"rwm", "restic", "s3state", "fusemount", "s3tool"}
	for i, p := range packages {
		packages[i] = "github.com/cesnet/rwm/" + p
	}
	out, err := exec.Command("go", append([]string{"list", "-deps", "-f", "{{.ImportPath}}"}, packages...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), packages[0]+"\n") {
		t.Fatalf("go list does not list the packages themselves: %s", out)
	}
	for dep := range strings.Lines(string(out)) {
		if strings.HasPrefix(dep, "github.com/rclone/") {
			t.Errorf("the library imports %s", dep)
		}
	}
}
