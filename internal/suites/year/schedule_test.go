package year

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3state"
)

const (
	day  = 24 * time.Hour
	days = 365
)

// role is one of the three identities.
type role int

const (
	host role = iota
	keeper
	admin
)

func (r role) String() string { return [...]string{"host", "keeper", "admin"}[r] }

// theft is a time during which an attacker has a role's keys.
type theft struct {
	role     role
	from, to int // days
	repaired int // when the admin puts the settings back
}

// span is days from and to, both included.
type span struct{ from, to int }

func (s span) has(day int) bool { return day >= s.from && day <= s.to }

// version is what a schedule knows of an object's version.
type version struct {
	key, id string
	at      time.Time // when it was written
	sum     [32]byte
	weak    bool      // written with a lock of the attacker's, or with his default
	locked  time.Time // until when, at least
	must    time.Time // until when it has to be there
	why     string    // the moment that asks for it
}

// schedule is a year of one bucket.
type schedule struct {
	seed   uint64
	rnd    *rand.Rand
	bucket string
	n, g   int // days
	clean  bool

	thefts []theft
	dead   []span // the keeper
	ledger string

	clients [3]*minio.Client
	stores  [3]*s3state.Store
	fail    *failing // the keeper's transport
	now     func() time.Time

	retain   int // days of the default retention now
	settings map[string][]byte
	pruned   map[string]time.Time

	count    int
	current  map[string]*version // by key, as last listed
	versions map[string]*version // by key and ID
	snaps    []string            // keys of snapshots, the oldest first
	parts    map[string][]string // what a snapshot needs
	last     time.Time           // of the last renewal that was complete
	over     bool                // the bucket is gone
	log      []string
}

// plan draws what will happen.
func (s *schedule) plan() {
	s.rnd = rand.New(rand.NewPCG(s.seed, 1))
	s.n = 20 + s.rnd.IntN(40)
	s.g = 24 + s.rnd.IntN(24)
	s.clean = s.rnd.IntN(5) == 0
	if s.clean {
		return
	}
	for range 1 + s.rnd.IntN(4) {
		from := 5 + s.rnd.IntN(days-10)
		to := from + s.rnd.IntN(15)
		s.thefts = append(s.thefts, theft{role(s.rnd.IntN(3)), from, to, to + 1 + s.rnd.IntN(2)})
	}
	for range s.rnd.IntN(3) {
		from := 1 + s.rnd.IntN(days) // the first renewal belongs to making the bucket
		s.dead = append(s.dead, span{from, from + 5 + s.rnd.IntN(60)})
	}
}

func (s *schedule) note(format string, args ...any) {
	s.log = append(s.log, s.now().Format("01-02 ")+fmt.Sprintf(format, args...))
}

func (s *schedule) failure(format string, args ...any) error {
	return fmt.Errorf("seed %d (N %d, G %d): %s\n\t%s", s.seed, s.n, s.g, fmt.Sprintf(format, args...),
		strings.Join(s.log[max(0, len(s.log)-60):], "\n\t"))
}

// put writes an object as a role, and returns its key.
func (s *schedule) put(ctx context.Context, as role, dir string, opts minio.PutObjectOptions) (string, error) {
	s.count++
	body := fmt.Sprintf("%s %d of %d %s", dir, s.count, s.seed, strings.Repeat("x", 100))
	sum := sha256.Sum256([]byte(body))
	id := fmt.Sprintf("%x", sum)
	key := dir + "/" + id
	switch dir {
	case "data":
		key = "data/" + id[:2] + "/" + id
	case "config":
		key = "config"
	}
	return key, s.putBody(ctx, as, key, body, opts)
}

func (s *schedule) putBody(ctx context.Context, as role, key, body string, opts minio.PutObjectOptions) error {
	opts.SendContentMd5, opts.DisableMultipart = true, true
	up, err := s.clients[as].PutObject(ctx, s.bucket, key, strings.NewReader(body), int64(len(body)), opts)
	if err != nil {
		return err
	}
	v := &version{key: key, id: up.VersionID, at: s.now(), sum: sha256.Sum256([]byte(body)), locked: s.now().Add(time.Duration(s.retain) * day)}
	if opts.Mode != "" {
		v.locked = time.Time{} // as short as the attacker likes
	}
	v.weak = opts.Mode != "" || s.retain == 0
	s.versions[key+"\x00"+up.VersionID] = v
	return nil
}

func (s *schedule) del(ctx context.Context, as role, key string) error {
	return s.clients[as].RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{})
}

// backup is a run of the host, with retention every now and then.
func (s *schedule) backup(ctx context.Context) error {
	lock, err := s.put(ctx, host, "locks", minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	var parts []string
	for _, dir := range []string{"data", "index", "snapshots"} {
		key, err := s.put(ctx, host, dir, minio.PutObjectOptions{})
		if err != nil {
			return err
		}
		parts = append(parts, key)
	}
	snapshot := parts[2]
	s.snaps, s.parts[snapshot] = append(s.snaps, snapshot), parts[:2]
	if len(s.snaps) > 4 { // forget and prune
		oldest := s.snaps[0]
		for _, key := range append([]string{oldest}, s.parts[oldest]...) {
			if err := s.del(ctx, host, key); err != nil {
				return err
			}
			s.pruned[key] = s.now()
		}
		s.snaps = s.snaps[1:]
	}
	s.note("backup")
	return s.del(ctx, host, lock)
}

// renew is a run of the keeper.
func (s *schedule) renew(ctx context.Context) error {
	ledger, err := s3state.OpenRenewLedger(s.ledger)
	if err != nil {
		return err
	}
	half := !s.clean && s.rnd.IntN(6) == 0
	if half {
		s.fail.after.Store(int64(s.rnd.IntN(8)))
	}
	opts := s3state.RenewOptions{Ledger: ledger, All: s.rnd.IntN(10) == 0}
	if !s.clean {
		opts.Suspicious = func(ctx context.Context) (string, error) {
			h, err := s.stores[keeper].History(ctx, s.bucket, s3state.HistoryOptions{ListOnly: true, NoVerify: true})
			if err != nil {
				return "", err
			}
			return s3state.SuspiciousHistory(h), nil
		}
	}
	r, err := s.stores[keeper].Renew(ctx, s.bucket, opts)
	s.fail.after.Store(never)
	if closed := ledger.Close(); closed != nil {
		return closed
	}
	s.note("renew: %d needed, %d renewed, %d known, %d failed, floor %s, frozen %q, %v", r.Needed, r.Renewed, r.Known, r.Failed, r.Floor.Format("01-02"), r.Frozen, err)
	// What an attacker has locked in GOVERNANCE, a keeper cannot lock in COMPLIANCE
	// everywhere. All else is renewed.
	floor := r.Floor
	failed := s.weakOnly(err)
	if failed != nil {
		err, floor = nil, s.now().Truncate(time.Second).Add(time.Duration(2*s.n+s.g)*day/2)
	}
	switch {
	case err != nil && !half && !s.stolen():
		return s.failure("renew: %v", err)
	case s.clean && r.Frozen != "":
		return s.failure("false alarm: %s", r.Frozen)
	case err == nil && floor.IsZero() && r.Needed > r.Young:
		return s.failure("a complete renewal without a floor: %+v", r)
	case err == nil && !floor.IsZero() && floor.Before(s.now().Truncate(time.Second).Add(time.Duration(2*s.n+s.g)*day/2)):
		return s.failure("renewed, but the floor is %s: %+v", r.Floor, r)
	}
	if err == nil {
		s.last = s.now()
	}
	// What it says is what it is held to.
	for _, v := range s.current {
		if needed(v.key) && !failed[v] && !floor.IsZero() && s.written(v) && floor.After(v.locked) {
			v.locked = floor
		}
	}
	return nil
}

func (s *schedule) stolen() bool {
	today := s.today()
	for _, t := range s.thefts {
		if today >= t.from && today <= t.to+3 {
			return true
		}
	}
	return false
}

func (s *schedule) today() int { return int(s.now().Sub(start) / day) }

// begin makes the bucket.
func (s *schedule) begin(ctx context.Context, hostName, keeperName, dir string) error {
	_, err := s.stores[admin].Create(ctx, s.bucket, hostName, s3state.CreateOptions{
		Lock: &s3state.LockOptions{Days: s.n, GraceDays: s.g}, Keeper: keeperName,
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	s.retain = s.n + s.g
	s.ledger = filepath.Join(dir, s.bucket)
	if s.settings, err = s.readSettings(ctx); err != nil {
		return err
	}
	if _, err := s.put(ctx, host, "config", minio.PutObjectOptions{}); err != nil {
		return err
	}
	if _, err := s.put(ctx, host, "keys", minio.PutObjectOptions{}); err != nil {
		return err
	}
	return s.look(ctx)
}

// failing is a transport that fails after a number of PUTs.
type failing struct {
	rt    http.RoundTripper
	after counter
}
