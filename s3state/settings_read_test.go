package s3state

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// What is written into a bucket changes none of its settings, also where the server
// answers the question for one that it does not know with a listing of the objects.
func TestObjectsAreNoSettings(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw", "rgw18", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect(dialect))
			before, err := w.admin.settingsNow(w.ctx, w.bucket)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				w.put(fmt.Sprint("data/", i), "x")
			}
			after, err := w.admin.settingsNow(w.ctx, w.bucket)
			if err != nil || !maps.EqualFunc(before, after, slices.Equal[[]string]) {
				t.Errorf("%v: %q, then %q", err, before, after)
			}
		})
	}
}
