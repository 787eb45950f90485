package s3state

// consistency finds states that contradict themselves: S3 shows of each key the newest
// entry first, and that one, and only that one, is the latest.
type consistency struct {
	first  *Difference
	key    string   // whose versions are being read
	latest bool     // it has a latest version
	begun  bool     // a version has been read
	hidden manifest // keys of which no version is the latest
	marked manifest // keys of which a delete marker is the latest
}

func (c *consistency) size() int64 { return c.hidden.spool.size + c.marked.spool.size }

func (c *consistency) close() {
	c.hidden.close()
	c.marked.close()
}

func (c *consistency) contradicts(key, version, reason string) {
	if c.first == nil {
		c.first = &Difference{key, version, "the state contradicts itself: " + reason}
	}
}

func (c *consistency) take(v *Version) error {
	if v.DeleteMarker {
		if v.IsLatest {
			return c.marked.add(entry{Key: v.Key})
		}
		return nil
	}
	if !c.begun || v.Key != c.key {
		if err := c.endKey(); err != nil {
			return err
		}
		c.begun, c.key, c.latest = true, v.Key, v.IsLatest
		return nil
	}
	if v.IsLatest && !c.latest {
		c.contradicts(v.Key, v.VersionID, "it names this version as the latest and lists a newer one")
		c.latest = true
	}
	return nil
}

func (c *consistency) endKey() error {
	if !c.begun || c.latest {
		return nil
	}
	return c.hidden.add(entry{Key: c.key})
}

// end returns the first contradiction, nil if there is none. p is what the state names.
func (c *consistency) end(p *manifest) (*Difference, error) {
	if err := c.endKey(); err != nil {
		return nil, err
	}
	for _, m := range []*manifest{&c.hidden, &c.marked} {
		if !m.sorted() {
			if err := m.sort(); err != nil {
				return nil, err
			}
		}
	}
	if c.first != nil {
		return c.first, nil
	}
	err := c.compare(&c.hidden, func(key string, marked bool) {
		if !marked {
			c.contradicts(key, "", "it lists versions of this key, none as the latest, and no deletion")
		}
	})
	if err == nil {
		err = c.compare(p, func(key string, marked bool) {
			if marked {
				c.contradicts(key, "", "it lists both a version and a deletion as the latest")
			}
		})
	}
	return c.first, err
}

// compare tells fn for each key of m whether a delete marker is its latest entry.
func (c *consistency) compare(m *manifest, fn func(key string, marked bool)) error {
	w, err := newWalk(&c.marked, func(entry) error { return nil })
	if err != nil {
		return err
	}
	return m.each(func(o entry) error {
		marker, err := w.to(o.Key)
		fn(o.Key, marker != nil)
		return err
	})
}
