package s3state

import (
	"io"
)

// markerList keeps delete markers for later.
type markerList struct{ manifest manifest }

func (m *markerList) add(key, version string) error {
	return m.manifest.add(entry{Key: key, VersionID: version})
}

func (m *markerList) each(fn func(key, version string) error) error {
	r, err := m.manifest.reader()
	if err != nil {
		return err
	}
	for {
		o, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(o.Key, o.VersionID); err != nil {
			return err
		}
	}
}

func (m *markerList) close() { m.manifest.close() }
