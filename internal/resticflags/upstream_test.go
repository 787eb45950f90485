package resticflags

import (
	"os/exec"
	"reflect"
	"regexp"
	"testing"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// Our flags are those that restic's own help lists, short forms included.
func TestFlagsAreThoseOfRestic(t *testing.T) {
	out, err := exec.Command(resticcli.Current(t).Path(), "backup", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^ +(?:-(\w), )?--([a-z-]+)`).FindAllStringSubmatch(string(out), -1) {
		theirs[match[2]] = match[1]
	}
	if len(theirs) < 40 {
		t.Fatalf("only %d flags in restic's help:\n%s", len(theirs), out)
	}
	delete(theirs, "help")
	ours := map[string]string{}
	collect(reflect.TypeFor[BackupArgs](), ours)
	for name, short := range theirs {
		if got, ok := ours[name]; !ok || got != short {
			t.Errorf("restic has --%s (-%s), we have it: %v (-%s)", name, short, ok, got)
		}
	}
	// Hidden with restic, or only there on other systems.
	for _, name := range []string{"hostname", "use-fs-snapshot", "exclude-cloud-files"} {
		delete(ours, name)
	}
	for name := range ours {
		if _, ok := theirs[name]; !ok {
			t.Errorf("restic has no --%s", name)
		}
	}
}

func collect(structure reflect.Type, into map[string]string) {
	for field := range structure.Fields() {
		if field.Anonymous {
			collect(field.Type, into)
		}
	}
	walkFlags(structure, func(name string, _ bool) {
		if _, ok := into[name]; !ok {
			into[name] = ""
		}
	})
	for field := range structure.Fields() {
		if short := field.Tag.Get("short"); short != "" {
			into[flagName(field)] = short
		}
	}
}
