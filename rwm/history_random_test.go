package rwm_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// TestRandomHistories lets a host, its admin and in every second one an attacker do
// things at random. What is named good opens and can be read whole; honest use has no
// marks, its newest moment is named and its old versions can be dropped; and after a
// drop every moment within the time to keep is as it was. At any time what remembers
// what it has read says the same as what reads everything. RWM_HISTORIES says how many,
// RWM_SEED the first of them.
func TestRandomHistories(t *testing.T) {
	count, seed := harness.Size(6, 60), harness.Seed(t)
	if n, err := strconv.Atoi(os.Getenv("RWM_HISTORIES")); err == nil {
		count = n
	}
	for i := range uint64(count) {
		t.Run(fmt.Sprintf("RWM_SEED=%d", seed+i), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).policed()
			r := &randomHistory{world: w, rand: rand.New(rand.NewPCG(seed+i, 0)), evil: (seed+i)%2 == 1}
			r.play()
		})
	}
}

type randomHistory struct {
	*world
	rand *rand.Rand
	evil bool
	done []string
}

func (r *randomHistory) play() {
	defer func() {
		if r.t.Failed() {
			r.t.Logf("what happened: %s", strings.Join(r.done, ", "))
		}
	}()
	r.run()
	evidence := filepath.Join(r.t.TempDir(), "evidence.json")
	steps := 4 + r.rand.IntN(8)
	attackAt := r.rand.IntN(steps)
	for i := range steps {
		r.pass()
		r.honest()
		if r.evil && i >= attackAt && r.rand.IntN(2) == 0 {
			if r.rand.IntN(2) == 0 {
				r.pass()
			}
			r.attack()
		}
		if r.rand.IntN(2) == 0 {
			r.done = append(r.done, "looked at")
			r.sameIncremental(evidence)
		}
	}
	r.sameIncremental(evidence)
	r.judge()
	r.sameIncremental(evidence) // after a drop
}

func (r *randomHistory) session(do func(s *restic.Session) error) {
	r.t.Helper()
	s, err := r.manager().OpenRepository(r.t.Context(), restic.WithoutCache())
	if err == nil {
		err = errors.Join(do(s), s.Close())
	}
	if err != nil && !r.evil { // in a wreck much fails
		r.t.Fatal(err)
	}
}

func (r *randomHistory) honest() {
	t := r.t
	r.write(fmt.Sprintf("files/%d.txt", r.rand.IntN(5)), strings.Join(noise(200), " "))
	what := r.rand.IntN(12)
	r.done = append(r.done, fmt.Sprint("honest ", what))
	switch what {
	default:
		if _, err := r.manager().Backup(t.Context(), "home"); err != nil && !r.evil {
			t.Fatal(err)
		}
	case 1:
		r.session(func(s *restic.Session) error {
			_, err := s.Forget(t.Context(), restic.ForgetOptions{Policy: restic.Policy{Last: 2}, Prune: &restic.PruneOptions{}})
			return err
		})
	case 2:
		r.session(func(s *restic.Session) error {
			_, err := s.Forget(t.Context(), restic.ForgetOptions{Policy: restic.Policy{Last: 1}})
			return err
		})
	case 3:
		r.session(func(s *restic.Session) error { _, err := s.Prune(t.Context(), restic.PruneOptions{}); return err })
	case 4:
		r.session(func(s *restic.Session) error {
			_, err := s.ChangePassword(t.Context(), r.config.ResticPassword+"x", restic.KeyOptions{})
			if err == nil {
				r.config.ResticPassword += "x"
			}
			return err
		})
	case 5:
		r.session(func(s *restic.Session) error {
			_, err := s.RepairIndex(t.Context(), restic.RepairIndexOptions{ReadAllPacks: true})
			return err
		})
	case 6: // a request that was repeated
		if list := r.objects("data/"); len(list) > 0 {
			r.put(list[0], r.read(list[0]))
		}
	case 7: // the admin's housekeeping
		r.put("notes/"+strconv.Itoa(r.rand.IntN(9)), []byte("hello"))
		r.removeLocks()
	case 8: // another host
		r.session(func(s *restic.Session) error {
			_, err := s.Backup(t.Context(), restic.BackupOptions{Paths: []string{r.files}, Host: "other"})
			return err
		})
	}
	if r.rand.IntN(3) > 0 {
		if _, err := r.manager().SaveState(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// removeLocks has a lifecycle rule remove old versions below locks/.
func (r *randomHistory) removeLocks() {
	if r.Controlled() {
		r.locksExpire(r.rand.IntN(2) == 0)
	}
}

// attack is something that an attacker can do, who knows the password.
func (r *randomHistory) attack() {
	kinds := []string{"data/", "index/", "snapshots/", "keys/", "config"}
	list := r.objects(kinds[r.rand.IntN(len(kinds))])
	if len(list) == 0 {
		return
	}
	r.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:1+r.rand.IntN(len(list))]
	what := r.rand.IntN(6)
	r.done = append(r.done, fmt.Sprintf("attack %d on %d %s", what, len(list), list[0][:5]))
	each := func(do func(key string)) {
		for _, key := range list {
			do(key)
		}
	}
	switch what {
	case 0:
		each(r.remove)
	case 1:
		each(func(key string) { r.put(key, bytes.Repeat([]byte("r"), len(r.read(key)))) })
	case 2: // under an exclusive lock of the repository's
		held := false
		r.session(func(s *restic.Session) error {
			_, err := s.Prune(r.t.Context(), restic.PruneOptions{OnEvent: func(restic.Event) {
				if !held && len(r.objects("locks/")) > 0 {
					held = true
					each(r.remove)
				}
			}})
			return err
		})
	case 3:
		r.session(func(s *restic.Session) error {
			_, err := s.ChangePassword(r.t.Context(), "the attacker's", restic.KeyOptions{})
			return err
		})
	case 4: // the same object, then something else
		each(func(key string) {
			body := r.read(key)
			r.remove(key)
			r.put(key, append(slices.Clone(body[:len(body)/2]), body[:len(body)-len(body)/2]...))
		})
	case 5:
		r.session(func(s *restic.Session) error {
			_, err := s.Backup(r.t.Context(), restic.BackupOptions{Paths: []string{r.files}, Time: time.Now().Add(-time.Duration(r.rand.IntN(100)) * time.Hour)})
			return err
		})
	}
}

func (r *randomHistory) judge() {
	t := r.t
	h := r.history(r.admin())
	if !r.evil {
		r.newest(h)
	}
	if h.Proof.Verdict == s3state.Proved {
		r.whole(h.LastGood)
	} else if !h.LastGood.IsZero() || !r.evil {
		t.Errorf("last good %v, %+v", h.LastGood, h.Proof)
	}
	moments := map[time.Time]string{}
	for _, st := range h.Steps {
		moments[st.To] = r.view(st.To)
	}
	keep := time.Duration(1+r.rand.IntN(5)) * time.Hour
	res, err := r.admin().DropVersions(t.Context(), r.config.ResticBucket, s3state.DropOptions{RequireComplete: true, KeepWithin: keep})
	if err != nil {
		if !r.evil || !errors.Is(err, s3state.ErrUnconfirmed) && !errors.Is(err, restic.ErrWrongPassword) && !errors.Is(err, restic.ErrDamaged) {
			t.Errorf("drop: %v", err)
		}
		return
	}
	r.done = append(r.done, fmt.Sprint("dropped all but ", keep))
	for at, before := range moments {
		if after := r.view(at); !at.Before(res.KeptSince) && after != before {
			t.Errorf("%s was\n%s and is\n%s", at, before, after)
		}
	}
	if h.Proof.Verdict == s3state.Proved && !h.LastGood.Before(res.KeptSince) {
		r.whole(h.LastGood)
	}
	if again := r.history(r.admin()); !r.evil {
		r.newest(again)
	}
}

// view is what was there at a moment, but saved states.
func (r *randomHistory) view(at time.Time) string {
	v, err := r.admin().Storage().View(r.t.Context(), r.config.ResticBucket, s3state.Moment{At: at}, s3state.ViewOptions{})
	if errors.Is(err, s3state.ErrNoState) {
		return ""
	}
	if err != nil {
		r.t.Fatal(err)
	}
	var all strings.Builder
	for o := range v.All("") {
		if !strings.HasPrefix(o.Key, "rwm/") {
			fmt.Fprintln(&all, o.Key, o.VersionID)
		}
	}
	return all.String()
}

// whole reads all of the repository as of a moment.
func (r *randomHistory) whole(at time.Time) {
	r.t.Helper()
	s, _, err := r.admin().OpenAsOf(r.t.Context(), s3state.Moment{At: at}, restic.WithoutCache(), restic.WithConnections(2))
	if err != nil {
		r.t.Errorf("named as good: %v", err)
		return
	}
	defer s.Close()
	if c, err := s.Check(r.t.Context(), restic.CheckOptions{ReadData: true}); err != nil {
		r.t.Errorf("named as good: %v %+v", err, c)
	}
}
