package resticflags

import (
	"strings"
	"testing"
)

// A value that is empty is never "not given": --host= would be this machine's name.
func TestEmptyValuesOfExtras(t *testing.T) {
	for _, args := range [][]string{{"--host="}, {"--host", ""}, {"-H", ""}, {"--exclude-larger-than="}, {"-x", "--tag", ""}} {
		if _, err := ParseBackup(args); err == nil || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := ParseBackup([]string{"--group-by", "", "-x"}); err != nil {
		t.Errorf("grouping by nothing: %v", err)
	}
}
