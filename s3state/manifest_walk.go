package s3state

import "io"

// walk compares what should be there, a manifest, with what is listed: both are in the
// order of keys, so each is gone through once and neither is held.
type walk struct {
	r      *manifestReader // nil for an empty manifest
	head   *entry          // read, but its key not reached
	absent func(entry) error
}

// newWalk begins at the first entry of m, which may be nil. absent receives the entries
// whose keys are not listed.
func newWalk(m *manifest, absent func(entry) error) (*walk, error) {
	w := &walk{absent: absent}
	if m == nil {
		return w, nil
	}
	var err error
	w.r, err = m.reader()
	return w, err
}

// to advances to the next key of the listing and returns the key's entry, or nil if it
// has none.
func (w *walk) to(key string) (*entry, error) {
	for {
		o, err := w.next()
		switch {
		case o == nil || err != nil:
			return nil, err
		case o.Key == key:
			return o, nil
		case o.Key > key:
			w.head = o
			return nil, nil
		}
		if err := w.absent(*o); err != nil {
			return nil, err
		}
	}
}

// end is called after the last key of the listing.
func (w *walk) end() error {
	for {
		o, err := w.next()
		if o == nil || err != nil {
			return err
		}
		if err := w.absent(*o); err != nil {
			return err
		}
	}
}

// next returns the entry that comes next, nil after the last.
func (w *walk) next() (*entry, error) {
	if o := w.head; o != nil {
		w.head = nil
		return o, nil
	}
	if w.r == nil {
		return nil, nil
	}
	o, err := w.r.next()
	if err == io.EOF {
		return nil, nil
	}
	return &o, err
}
