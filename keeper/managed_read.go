package keeper

import (
	"context"
	"errors"
	"fmt"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/restic"
)

// atNewest is the repository as of the survey. A check of it needs no listing of its
// own for each slice, and the listing of versions is a parallel one.
func (s *managed) atNewest(ctx context.Context) (*restic.Session, error) {
	if s.cfg.sealed() {
		return nil, errNoPassword
	}
	if s.newest.IsZero() {
		return nil, errors.New("the bucket is empty")
	}
	if s.asOf == nil {
		views, err := s.m.ViewsAsOf(ctx, s.newest)
		if err != nil {
			return nil, err
		}
		if s.asOf, err = s.m.OpenView(ctx, views[0]); err != nil {
			return nil, err
		}
	}
	return s.asOf, nil
}

// forgetNewest gives back the memory that atNewest takes.
func (s *managed) forgetNewest() error {
	if s.asOf == nil {
		return nil
	}
	session := s.asOf
	s.asOf = nil
	return session.Close()
}

func (s *managed) ReadSlice(ctx context.Context, n, of uint) (*ReadResult, error) {
	session, err := s.atNewest(ctx)
	if err != nil {
		return nil, err
	}
	opts := restic.CheckOptions{ReadData: true}
	if of > 1 {
		opts.Subset = restic.SubsetPart(n, of)
	}
	c, err := session.Check(ctx, opts)
	if c == nil || err != nil && !errors.Is(err, restic.ErrDamaged) {
		return nil, err
	}
	r := &ReadResult{Packs: c.PacksRead, Bytes: c.BytesRead, Faults: c.Errors}
	for _, f := range c.Findings {
		if f.Damage() {
			r.Damage = append(r.Damage, f.Error())
		}
	}
	return r, nil
}

func (s *managed) Snapshots(ctx context.Context) ([]restic.Snapshot, error) {
	session, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	return session.Snapshots(ctx, restic.SnapshotFilter{})
}

func (s *managed) Source(ctx context.Context) (signs.Source, error) {
	if s.reader == nil {
		session, err := s.session(ctx)
		if err != nil {
			return nil, err
		}
		if s.reader, err = session.Reader(ctx); err != nil {
			return nil, err
		}
	}
	return source{s.reader}, nil
}

// source reads trees and blobs of an open repository.
type source struct{ r *restic.Reader }

// largestTree bounds what one directory may take of the keeper's memory, some times as
// much: an ordinary one of a million files has 300 MiB.
const largestTree = 512 << 20

func (s source) Tree(ctx context.Context, id restic.ID) ([]restic.TreeNode, error) {
	h := restic.BlobHandle{Type: restic.BlobTree, ID: id}
	if size, ok := s.r.Size(h); ok && size > largestTree {
		return nil, fmt.Errorf("directory %s has %d bytes, too many to be looked at", id.Short(), size)
	}
	raw, err := s.r.LoadBlob(ctx, h)
	if err != nil {
		return nil, err
	}
	return restic.DecodeTree(raw)
}

func (s source) Blob(ctx context.Context, id restic.ID) ([]byte, error) {
	return s.r.LoadBlob(ctx, restic.BlobHandle{Type: restic.BlobData, ID: id})
}
