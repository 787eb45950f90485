package s3state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// adoption is a bucket that is being turned into a policed one.
type adoption struct {
	s            *Store
	bucket, user string
	opts         AdoptOptions
	lock         *LockOptions // filled
	plan         *AdoptPlan

	// What is there.
	config *bucketConfig
	check  *PolicyCheck // of the policy as it is
	has    *Lock
	rules  []storedRule
	block  accessBlock
	ceph   bool
	// foundAll says that there are no other repositories than plan.Repositories.
	foundAll bool

	// What is to be.
	who                   []roles // in the forms to try, that of the policy first
	admin, target, keeper string  // of the first form
	seal                  seal
	kept                  []json.RawMessage // statements
	keptRules             []storedRule
}

// look reads everything the plan depends on.
func (a *adoption) look(ctx context.Context) (err error) {
	if a.config, err = a.s.bucketConfig(ctx, a.bucket); err != nil {
		if s3err.Forbidden(s3err.Classify(err)) {
			return fmt.Errorf("%w; it takes the credentials of the bucket's owner", err)
		}
		return err
	}
	a.check = checkPolicy(a.bucket, a.config)
	a.plan.Owner, a.plan.Versioning = a.config.acl.Owner.ID, a.config.versioning
	caller, _, err := a.s.ownBuckets(ctx)
	if err != nil && !s3err.Forbidden(s3err.Classify(err)) {
		return err
	}
	a.plan.Caller = caller.ID
	if a.ceph, err = a.s.isCeph(ctx, a.bucket); err != nil {
		return err
	}
	if a.owned() {
		if err := a.findRoles(); err != nil {
			return err
		}
	}
	set, err := a.s.Settings(ctx, a.bucket)
	if err != nil {
		return err
	}
	a.plan.Settings = set
	if len(set.Unknown) > 0 && a.owned() {
		return fmt.Errorf("%w: these credentials may not read the bucket's %s", ErrAccessDenied, strings.Join(set.Unknown, ", "))
	}
	if !a.owned() {
		return nil // what follows may not be read, and is of no use
	}
	if a.has, err = a.s.Lock(ctx, a.bucket); err != nil {
		return err
	}
	if a.rules, err = a.s.storedRules(ctx, a.bucket); err != nil {
		return err
	}
	if a.block, err = a.s.accessBlock(ctx, a.bucket); err != nil && !noSuchFeature(err) {
		return s3err.Wrap(err, "read the public-access block of bucket %s", a.bucket)
	}
	a.plan.Repositories, a.foundAll, err = a.s.findRepositories(ctx, a.bucket)
	return err
}

// owned reports whether the caller owns the bucket, as far as the server tells.
func (a *adoption) owned() bool {
	return a.plan.Caller == "" || a.plan.Owner == "" || a.plan.Caller == a.plan.Owner
}

func (a *adoption) findRoles() (err error) {
	if a.admin, err = a.s.adminOf(a.config.acl.Owner); err != nil {
		return err
	}
	if a.target, err = targetPrincipal(a.user, a.admin); err != nil {
		return err
	}
	if a.admin = adminBeside(a.admin, a.target); a.target == a.admin {
		return fmt.Errorf("%w: %s owns the bucket, and an owner can destroy everything in it: make another user for the host", ErrInvalid, a.target)
	}
	if a.keeper, err = keeperPrincipal(a.opts.Keeper, a.admin, a.target); err != nil {
		return err
	}
	if a.keeper == "" {
		a.keeper = a.namedKeeper()
	}
	a.chooseForm()
	a.seal = seal{on: a.opts.Sealed || a.check.Sealed} // for another host, too
	if a.check.Sealed && a.check.Target == a.target {
		a.seal = a.check.seal()
	}
	a.plan.Admin, a.plan.Target, a.plan.Keeper = a.admin, a.target, a.keeper
	return nil
}

// namedKeeper is the keeper that the policy names; "" without one. Only a statement that
// gives a single user a keeper's rights and no others is the keeper's: any other who may
// lock objects must not be given the rest of its rights.
func (a *adoption) namedKeeper() string {
	grants, err := readPolicy(a.config.policy)
	if err != nil {
		return ""
	}
	for i, g := range grants {
		if g.effect != "Allow" || !isKeeper(g) {
			continue
		}
		c := &PolicyCheck{Admin: a.admin, Target: a.target}
		c.checkStatement(i+1, a.bucket, g)
		if c.checkKeeper([]grant{g}); len(c.Problems) == 0 {
			return c.Keeper
		}
	}
	return ""
}

// chooseForm puts first the form that the policy already has.
func (a *adoption) chooseForm() {
	keeper := a.opts.Keeper
	if keeper == "" {
		keeper = shortName(a.keeper)
	}
	a.who = a.s.forms(roles{admin: a.admin, target: a.target, keeper: a.keeper}, a.user, keeper, a.ceph)
	for i, r := range a.who {
		if a.check.Target == r.target && a.check.Admin == r.admin && (a.check.all == r.all || a.check.all == "*" && r.all == "") {
			if a.opts.Keeper == "" {
				r.keeper = a.keeper // as the policy names it
			}
			a.who = append([]roles{r}, slices.Delete(slices.Clone(a.who), i, i+1)...)
			break
		}
	}
	a.admin, a.target, a.keeper = a.who[0].admin, a.who[0].target, a.who[0].keeper
}

// Bounds of the search for repositories.
const (
	repositoryDepth = sealDepth // deeper ones could not be sealed everywhere
	repositoryLists = 100       // requests
)

// resticDirs are the directories of a repository.
var resticDirs = []string{"data/", "index/", "keys/", "locks/", "snapshots/"}

// findRepositories looks for restic's config and keys at the root of a bucket and below
// its prefixes, but not below the directories of a repository. whole says that it has
// looked everywhere else, down to repositoryDepth.
func (s *Store) findRepositories(ctx context.Context, bucket string) (found []string, whole bool, err error) {
	found, whole = []string{}, true
	level := []string{""}
	lists := 0
	for range repositoryDepth + 1 {
		var next []string
		for _, prefix := range level {
			if lists++; lists > repositoryLists {
				return found, false, nil
			}
			at, err := s.repositoryAt(ctx, bucket, prefix)
			if err != nil {
				return nil, false, err
			}
			if at.is {
				found = append(found, prefix)
			}
			next = append(next, at.below...)
			whole = whole && !at.cut
		}
		level = next
	}
	return found, whole, nil
}

// listedPrefix is what lies at a prefix.
type listedPrefix struct {
	is    bool     // a repository
	below []string // prefixes that may hold others
	cut   bool     // there is more
}

func (s *Store) repositoryAt(ctx context.Context, bucket, prefix string) (at listedPrefix, err error) {
	var config, keys bool
	entries := 0
	for o, err := range s.s3.Objects(ctx, bucket, prefix, false) {
		if err != nil {
			return at, s3err.Wrap(err, "list bucket %s", bucket)
		}
		if entries++; entries > maxListed {
			at.cut = true
			break
		}
		switch name := strings.TrimPrefix(o.Key, prefix); {
		case name == "config":
			config = true
		case name == "keys/":
			keys = true
			at.below = append(at.below, o.Key)
		case o.Prefix && name != "rwm/":
			at.below = append(at.below, o.Key)
		}
	}
	if at.is = config && keys; at.is {
		at.below = slices.DeleteFunc(at.below, func(p string) bool { return slices.Contains(resticDirs, strings.TrimPrefix(p, prefix)) })
	}
	return at, nil
}
