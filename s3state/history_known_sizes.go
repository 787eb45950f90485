package s3state

func (k *Known) beginSizes() {
	if k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.usedSizes = make(map[string]SnapshotSize)
	}
}

// endSizes forgets the sizes that were not asked for.
func (k *Known) endSizes() {
	if k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.sizes, k.usedSizes = k.usedSizes, nil
	}
}

// size returns what a snapshot was measured to have in it.
func (k *Known) size(c *snapshotClaim) (size SnapshotSize, ok bool) {
	if k == nil {
		return size, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	size, ok = k.sizes[c.name()]
	return size, ok
}

func (k *Known) putSize(c *snapshotClaim, size SnapshotSize) {
	if k != nil && c.name() != "" {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.usedSizes[c.name()] = size
	}
}

func (c *snapshotClaim) name() string {
	return stateVersionName(&SavedState{Key: c.key, VersionID: c.version})
}
