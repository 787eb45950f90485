package s3state

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// OpenState opens a saved state by its key and version ID; an empty version ID
// means the current one. Close the reader.
//
// Errors: ErrNoState, ErrBadState (not gzip).
func (s *Store) OpenState(ctx context.Context, bucket, key, versionID string) (*StateReader, error) {
	s = s.made()
	body, _, err := s.openObject(ctx, bucket, key, versionID)
	if err != nil {
		return nil, err
	}
	sr, err := ReadPackedState(body)
	if err != nil {
		body.Close()
		if errors.Is(err, ErrBadState) {
			return nil, fmt.Errorf("state %q version %s in bucket %s: %w", key, versionID, bucket, err)
		}
		return nil, err
	}
	sr.closer = body.Close
	return sr, nil
}

// ReadPackedState reads a state as it is saved, compressed with gzip. Input
// that expands far more than any state does is refused.
func ReadPackedState(r io.Reader) (*StateReader, error) {
	in := &countReader{r: r}
	zip, err := gzip.NewReader(in)
	if err != nil {
		if in.err != nil && !errors.Is(in.err, io.EOF) {
			return nil, in.err
		}
		return nil, fmt.Errorf("%w: it is not compressed with gzip", ErrBadState)
	}
	return ReadState(&bombGuard{zip: zip, in: in}), nil
}
