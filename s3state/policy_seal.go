package s3state

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// sealActions are the ways to an object's bytes for which every server has an action.
// Without GetObjectVersion, copies by version ID stay possible on Ceph up to 18.
var sealActions = []string{"s3:GetObject", "s3:GetObjectVersion"}

// attributeActions are unknown to some servers, which refuse them; there, GetObject
// covers reading attributes.
var attributeActions = []string{"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"}

// sealMay are all the actions that a seal may deny: none of them does more than read.
var sealMay = slices.Concat(sealActions, attributeActions, []string{"s3:GetObjectTorrent", "s3:GetObjectVersionTorrent"})

// seal says whether the host is kept from reading file data. In the zero value it is
// not.
type seal struct {
	on    bool
	until time.Time // it may read until then, all the same; zero for never
	// attributes says that attributeActions are denied, too: the server knows them.
	attributes bool
}

// sealDepth is how many levels a repository's prefix may have on every server.
const sealDepth = 4

// sealResources are the packs of a repository at the root of the bucket or at a prefix.
// By AWS's rules one "*/data/*" matches a prefix of any depth. Ceph RGW 16 tries only
// the first slash that fits a "*/", so it needs a pattern for every depth.
func sealResources(bucket string) []string {
	var resources []string
	for depth := range sealDepth + 1 {
		resources = append(resources, "arn:aws:s3:::"+bucket+"/"+strings.Repeat("*/", depth)+"data/*")
	}
	return resources
}

// condition is the condition of a statement: operator, key, value.
type condition map[string]map[string]string

// after is the condition that holds from a time on. A server that does not know the key
// would never apply the statement: see tryTimes.
func after(t time.Time) condition {
	return condition{dateGreater: {currentTime: t.UTC().Format(time.RFC3339)}}
}

const (
	dateGreater = "DateGreaterThan"
	currentTime = "aws:CurrentTime"
)

// statement is the Deny that seals the host.
func (s seal) statement(bucket, target string) policyStatement {
	st := policyStatement{
		Effect: "Deny", Principal: map[string][]string{"AWS": {target}}, Action: sealActions, Resource: sealResources(bucket),
	}
	if s.attributes {
		st.Action = slices.Concat(sealActions, attributeActions)
	}
	if !s.until.IsZero() {
		st.Condition = after(s.until)
	}
	return st
}

// isSeal recognises the statement that seals, as opposed to one that denies what no
// host needs: it covers packs and nothing else.
func isSeal(bucket string, g grant) bool {
	if g.effect != "Deny" || g.except != nil || len(g.resources) == 0 {
		return false
	}
	return !slices.ContainsFunc(g.resources, func(r string) bool { return !slices.Contains(sealResources(bucket), r) })
}

// checkSeals judges the statements that seal.
func (c *PolicyCheck) checkSeals(bucket string, seals []grant) {
	if len(seals) == 0 {
		return
	}
	if len(seals) > 1 {
		c.problem("%d statements seal the host, not one", len(seals))
	}
	g := seals[0]
	until, err := g.sealedAfter()
	whole := len(g.principals) == 1 && g.principals[0] == c.Target
	if !whole {
		c.problem("a statement denies reading data/* to %s, who is not the target user", s3err.Clip(strings.Join(g.principals, ", ")))
	}
	if err != nil {
		whole = false
		c.problem("the statement that seals the host: %v", err)
	}
	for _, a := range sealActions {
		if !slices.Contains(g.actions, a) {
			whole = false
			c.problem("the statement that seals the host does not deny %s", a)
		}
	}
	for _, a := range g.actions {
		if !slices.Contains(sealMay, a) {
			c.problem("the statement that seals the host denies %s", s3err.Clip(a))
		}
	}
	if !slices.Contains(g.resources, sealResources(bucket)[0]) {
		whole = false
		c.problem("the statement that seals the host is not on data/* but on %s", s3err.Clip(strings.Join(g.resources, ", ")))
	}
	c.Sealed, c.UnsealedUntil = whole, until
}

// sealedAfter returns the time from which the statement applies; zero without a
// condition.
func (g grant) sealedAfter() (time.Time, error) {
	if len(g.other) == 0 {
		return time.Time{}, nil
	}
	if !slices.Equal(g.other, []string{"Condition"}) {
		return time.Time{}, fmt.Errorf("it has %s", s3err.Clip(strings.Join(g.other, ", ")))
	}
	var block map[string]map[string]stringOrList
	if err := json.Unmarshal(g.condition, &block); err != nil {
		return time.Time{}, fmt.Errorf("its condition: %v", err)
	}
	times := block[dateGreater][currentTime]
	if len(block) != 1 || len(block[dateGreater]) != 1 || len(times) != 1 {
		return time.Time{}, fmt.Errorf("its condition is not one time from which it applies (%s, %s)", dateGreater, currentTime)
	}
	t, err := time.Parse(time.RFC3339, times[0])
	if err != nil {
		return time.Time{}, fmt.Errorf("its condition has no time: %s", s3err.Clip(times[0]))
	}
	return t, nil
}

// SealState is what the policy says about reading file data.
type SealState string

// The seal states of a policy.
const (
	NotSealed SealState = ""         // the host may read what it has written
	Sealed    SealState = "sealed"   // the host may not read data/*
	Unsealed  SealState = "unsealed" // it is sealed, but may read until PolicyCheck.UnsealedUntil
)

// SealState returns what the policy lets the host read at a time.
func (c *PolicyCheck) SealState(now time.Time) SealState {
	switch {
	case !c.Sealed:
		return NotSealed
	case now.Before(c.UnsealedUntil):
		return Unsealed
	}
	return Sealed
}

// seal is the seal of the checked policy.
func (c *PolicyCheck) seal() seal { return seal{on: c.Sealed, until: c.UnsealedUntil} }
