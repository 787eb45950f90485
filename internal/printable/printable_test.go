package printable

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"a name, ž and 漢":             "a name, ž and 漢",
		"red \x1b[31m, line\nnext":    `red \x1b[31m, line\nnext`,
		"turned \u202etxt.exe":        `turned \u202etxt.exe`,
		"no UTF-8 \xff":               `no UTF-8 \xff`,
		strings.Repeat("ž", 30):       strings.Repeat("ž", 20) + "…",
		"a" + strings.Repeat("ž", 30): "a" + strings.Repeat("ž", 19) + "…",
		strings.Repeat("\x80", 50):    "…",
	} {
		if got := Text(in, 40); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}
