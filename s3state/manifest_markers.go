package s3state

// markerList keeps delete markers for later.
type markerList struct{ manifest manifest }

func (m *markerList) add(key, version string) error {
	return m.manifest.add(entry{Key: key, VersionID: version})
}

func (m *markerList) each(fn func(key, version string) error) error {
	return m.manifest.each(func(o entry) error { return fn(o.Key, o.VersionID) })
}

func (m *markerList) close() { m.manifest.close() }
