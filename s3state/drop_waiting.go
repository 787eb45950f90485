package s3state

// waiting keeps versions and delete markers that are to be removed later, in a spool.
type waiting struct{ manifest manifest }

// aMarker distinguishes the markers in a spool from versions.
const aMarker = "marker"

func (w *waiting) add(v Version) error {
	o := entry{Key: v.Key, VersionID: v.VersionID, Size: v.Size}
	if v.DeleteMarker {
		o.ETag = aMarker
	}
	return w.manifest.add(o)
}

func (w *waiting) each(fn func(Version) error) error {
	return w.manifest.each(func(o entry) error {
		return fn(Version{Key: o.Key, VersionID: o.VersionID, Size: o.Size, DeleteMarker: o.ETag == aMarker})
	})
}

func (w *waiting) none() bool { return w.manifest.count == 0 }
func (w *waiting) close()     { w.manifest.close() }
