package s3state

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// claim notes until when a version should be locked: all metadata, and of the packs a
// sample that gives each the same chance, is proved afterwards.
func (r *renewer) claim(o entry, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.claimed++
	c := claim{o, until}
	if r.opts.All || TypeOf(o.Key) != TypePack {
		r.prove = append(r.prove, c)
	} else if r.packs++; r.packs <= sampledPacks {
		r.prove = append(r.prove, c)
		// Packs stand first, so that they can be replaced by their number.
		last := len(r.prove) - 1
		r.prove[r.packs-1], r.prove[last] = r.prove[last], r.prove[r.packs-1]
	} else if i := rand.Int64N(r.packs); i < sampledPacks {
		r.prove[i] = c
	}
}

// proveKnown reads the locks of what the ledger vouches for, and counts those that are
// shorter than it says. Once the ledger was wrong, it does so of what was just renewed:
// a server may accept a renewal and forget it.
func (r *renewer) proveKnown(ctx context.Context) (wrong int64, err error) {
	r.res.Proved, r.res.Sampled = int64(len(r.prove)), int64(len(r.prove)) < r.claimed
	r.done = 0
	claims := make(map[string]time.Time, len(r.prove))
	for _, c := range r.prove {
		claims[c.Key+"\x00"+c.VersionID] = c.until
	}
	err = r.each(ctx, func(fn func(entry) error) error {
		for _, c := range r.prove {
			if err := fn(c.entry); err != nil {
				return err
			}
		}
		return nil
	}, func(ctx context.Context, o entry) {
		has, err := getRetention(ctx, r.c, r.bucket, o.Key, o.VersionID)
		r.mu.Lock()
		defer r.mu.Unlock()
		switch locked := has.locked(r.res.Mode); {
		case err != nil && (ctx.Err() != nil || r.lapsed(o, err)):
			return
		case err != nil && s3err.Transient(err):
			r.res.Failed++
			r.failed.add(KeyError{o.Key, o.VersionID, s3err.Describe(err)})
			return
		case err != nil || locked.Before(claims[o.Key+"\x00"+o.VersionID]):
			wrong++
		}
		r.answer++
		r.progress(true, r.res.Proved)
	})
	return wrong, err
}
