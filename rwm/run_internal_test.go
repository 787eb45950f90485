package rwm

import (
	"slices"
	"testing"
)

func TestTagsAreSplitAsResticDoes(t *testing.T) {
	got := splitTags([]string{"a,b", " c ", "", "d,,e"})
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
