package rwm

import (
	"context"
	"errors"
	"fmt"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// dataReader reads the data of moments, for one search.
type dataReader struct {
	m          *Manager
	e          *evidence // may be nil
	most, left int64     // bytes
	right      map[string]bool
	damaged    bool // the data of a moment was
}

// read reads all packs of a moment if they are not too large, but for those that it has
// read before, and puts what it finds into the proof.
func (d *dataReader) read(ctx context.Context, at *s3state.View, p *s3state.Proof) error {
	var size int64
	for o := range at.All("data/") {
		size += o.Size
	}
	if size > d.most {
		return nil
	}
	session, err := d.m.openForCheck(ctx, d.m.asOf(at))
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // it has only read
	if err := d.e.judging(ctx, session); err != nil {
		return err
	}
	var unread int64
	all := true
	for o := range at.All("data/") {
		if !d.hasRead(readName(o)) {
			unread += o.Size
			all = false
		}
	}
	switch {
	case all:
		p.DataRead = true
		return nil
	case unread > d.left && d.damaged:
		p.Verdict, p.Spent = s3state.NotProved, true
		p.Reason = "the data of a later moment is damaged, and reading that of this one takes more than may be read"
		return nil
	case unread > d.left:
		return nil
	}
	d.left -= unread
	var reading []string
	c, err := session.Check(ctx, restic.CheckOptions{ReadData: true, Subset: restic.SubsetFunc(func(id restic.ID) bool {
		o, _ := at.Get("data/" + id.String()[:2] + "/" + id.String())
		name := readName(o)
		reading = append(reading, name)
		return !d.hasRead(name)
	})})
	switch {
	case errors.Is(err, restic.ErrDamaged):
		d.damaged = true
		p.Verdict, p.Reason, p.Fault = s3state.Broken, fmt.Sprintf("its data is damaged: %v", err), "data"
	case err != nil:
		return err
	default:
		p.DataRead = true
		p.Bytes += int64(c.BytesRead)
		for _, name := range reading {
			d.right[name] = true
		}
		d.e.haveRead(reading)
	}
	return nil
}

// hasRead reports whether the data of a pack was read, in this search or before.
func (d *dataReader) hasRead(name string) bool {
	return name != "" && (d.right[name] || d.e != nil && d.e.read[name])
}
