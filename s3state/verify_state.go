package s3state

import "context"

// VerifyState compares a saved state with the version history at its own time.
// An empty version ID means the current version of the key.
//
// Errors: ErrNoState, ErrBadState, ErrBadListing.
func (s *Store) VerifyState(ctx context.Context, bucket, key, versionID string) (*Verification, error) {
	s = s.made()
	p, saved, err := s.loadManifest(ctx, bucket, key, versionID)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return s.verify(ctx, bucket, p, saved, nil)
}

// verify compares the manifest of a saved state with the bucket's listing.
func (s *Store) verify(ctx context.Context, bucket string, p *manifest, saved *SavedState, rep *reporter) (*Verification, error) {
	v, err := newVerifier(p, saved, (&ownRule{s: s, bucket: bucket}).explain(ctx, saved))
	if err != nil {
		return nil, err
	}
	if err := s.listVersions(ctx, bucket, "", rep, v.take); err != nil {
		return nil, err
	}
	res, err := v.end()
	p.drop(v.gone)
	return res, err
}
