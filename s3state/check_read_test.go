package s3state

import (
	"testing"
)

// What was written more than once is read whatever is asked for, and once: of N objects
// no more than N are read. Packs that the caller reads are for it to count.
func TestCheckReadsEachObjectOnce(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	w.blob("data", "pack")
	w.blob("data", "another")
	w.blob("index", "index")
	w.blob("snapshots", "snapshot")
	w.blob("data", "pack")
	w.blob("snapshots", "snapshot")
	for name, c := range map[string]struct {
		opts CheckStorageOptions
		read int64
	}{
		"nothing else":            {CheckStorageOptions{}, 2},
		"everything":              {CheckStorageOptions{ReadPercent: 100}, 5},
		"all but packs":           {CheckStorageOptions{ReadPercent: 100, LeavePacks: true}, 3},
		"no data by the caller":   {CheckStorageOptions{LeavePacks: true}, 2},
		"a tiny part, no packs":   {CheckStorageOptions{ReadPercent: 1e-9, LeavePacks: true}, 1},
		"a tiny part, with packs": {CheckStorageOptions{ReadPercent: 1e-9}, 2},
	} {
		var most CopyProgress
		c.opts.OnEvent = func(e Event) {
			if p, ok := e.(CopyProgress); ok && p.Objects > most.Objects {
				most = p
			}
		}
		got, err := w.admin.CheckStorage(w.ctx, w.bucket, c.opts)
		if err != nil || got.Objects != 5 || got.Read != c.read || most.Objects > most.TotalObjects {
			t.Errorf("%s: %v, %d of %d objects read, not %d; %+v", name, err, got.Read, got.Objects, c.read, most)
		}
	}
}
