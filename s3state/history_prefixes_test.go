package s3state

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPrefixOf(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for key, want := range map[string]string{
		"p/config": "p/ config", "a/b/keys/" + id: "a/b/ key", "p/index/" + id: "p/ index", "p/data/0a/" + id: "p/ pack", "p/snapshots/" + id: "p/ snapshot",
		"p/data/0b/" + id: " other", "p/data/" + id: " other", "p/keys/" + id[1:]: " other", id: " other", "p/myconfig": " other", "p/locks/" + id: " other",
		"data/keys/" + id: "data/ key", "/config": "/ config", "xkeys/" + id: " other",
	} {
		prefix, what := prefixOf(key)
		if got := fmt.Sprint(prefix, " ", what); got != want {
			t.Errorf("%q: %q, not %q", key, got, want)
		}
	}
}

// repositoryAt makes what looks like a repository at a prefix, and returns its pack.
func (r *fakeRestic) repositoryAt(prefix string) (pack string) {
	r.put(prefix+"config", strings.Repeat("c", 155))
	for _, dir := range []string{"keys", "index", "snapshots"} {
		r.put(prefix+dir+"/"+strings.Repeat("0a", 32), r.body(dir))
	}
	pack = prefix + "data/0a/" + strings.Repeat("0a", 32)
	r.put(pack, r.body("pack"))
	return pack
}

// Of a repository at a prefix nothing is proved: it is not called OK, and what an
// attacker has deleted of it is not dropped, whatever states he has saved since.
func TestRepositoryAtAPrefix(t *testing.T) {
	for _, root := range []bool{false, true} {
		t.Run(fmt.Sprint("another at the root: ", root), func(t *testing.T) {
			r := newFakeRestic(t)
			confirm := yes
			if !root {
				r.world = r.another(t)
				confirm = nil
			}
			pack := r.repositoryAt("backups/web/")
			r.save()
			drop := DropOptions{RequireComplete: true, Confirm: confirm, DryRun: true}
			check := func() *StorageCheck {
				t.Helper()
				c, err := r.admin.CheckStorage(r.ctx, r.bucket, CheckStorageOptions{})
				if err != nil || c.OK || fmt.Sprint(c.AtPrefixes) != "[backups/web/]" || c.Proof.Verdict != NotProved {
					t.Errorf("%v %+v", err, c)
				}
				return c
			}
			if c := check(); !root && !strings.Contains(c.Proof.Reason, "backups/web/") {
				t.Errorf("%+v", c.Proof)
			}
			if _, err := r.admin.DropVersions(r.ctx, r.bucket, drop); err != nil {
				t.Errorf("nothing was deleted: %v", err)
			}
			r.srv.AdvanceClock(t, time.Hour)
			r.del(pack)
			r.save()
			check()
			if _, err := r.admin.DropVersions(r.ctx, r.bucket, drop); !errors.Is(err, ErrUnconfirmed) || !errors.Is(err, ErrNotProved) || !strings.Contains(fmt.Sprint(err), "backups/web/") {
				t.Errorf("after a deletion: %v", err)
			}
			h := r.history()
			if h.Total != 0 || !strings.Contains(fmt.Sprint(h.Notes), "repository at this prefix") {
				t.Errorf("%v %v", h.Suspicions, h.Notes)
			}
			drop.ReviewedUntil = h.Steps[len(h.Steps)-1].To.Add(time.Second)
			if _, err := r.admin.DropVersions(r.ctx, r.bucket, drop); err != nil {
				t.Errorf("reviewed: %v", err)
			}
		})
	}
}

// What a host writes at many prefixes hides none.
func TestManyPrefixes(t *testing.T) {
	var a atPrefixes
	note := func(key string, c Change) { a.note(&Version{Key: key, LastModified: at(1), ETag: "e"}, c) }
	for i := range 2 * mostPrefixes {
		note(fmt.Sprintf("a%05d/config", i), Written)
	}
	note("z/config", Written)
	note("z/keys/"+strings.Repeat("0a", 32), Written)
	note("z/data/0a/"+strings.Repeat("0a", 32), Deleted)
	if len(a.all) != mostPrefixes || fmt.Sprint(a.names()) != "[…]" || a.doubt(at(0)) == nil || a.doubt(at(10)) != nil {
		t.Errorf("%d prefixes, %v, %v", len(a.all), a.names(), a.doubt(at(0)))
	}
}
