package s3state

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// sealActions are the ways to the bytes of an object that every server has an action
// for. Without GetObjectVersion, copies by version ID stay open on Ceph up to 18.
var sealActions = []string{"s3:GetObject", "s3:GetObjectVersion"}

// attributeActions are what some servers refuse to know; where they do, reading
// attributes is GetObject's.
var attributeActions = []string{"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"}

// sealMay are all actions that a seal may deny: none of them is more than reading.
var sealMay = slices.Concat(sealActions, attributeActions, []string{"s3:GetObjectTorrent", "s3:GetObjectVersionTorrent"})

// seal says whether the host may read file data. The zero value lets it.
type seal struct {
	on    bool
	until time.Time // it may until then, all the same; zero for never
	// attributes are denied, too: the server knows the actions.
	attributes bool
}

// sealDepth is how many levels a repository's prefix may have on every server.
const sealDepth = 4

// sealResources are the packs: of a repository in the bucket, and of one at a prefix.
// One "*/data/*" is a prefix of any depth by AWS's rules. Ceph RGW 16 tries only the
// first slash that fits a "*/", so there every level of a prefix needs one of its own.
func sealResources(bucket string) []string {
	var resources []string
	for depth := range sealDepth + 1 {
		resources = append(resources, "arn:aws:s3:::"+bucket+"/"+strings.Repeat("*/", depth)+"data/*")
	}
	return resources
}

// condition is a statement's: operator, key, value.
type condition map[string]map[string]string

// after holds from a time on. A server that does not know the key would never apply the
// statement: see tryTimes.
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

// isSeal tells the statement that seals from a denial of what no host needs: it is on
// the packs and on nothing else.
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

// sealedAfter is the time from which the statement applies; zero without a condition.
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

// Seal states.
const (
	NotSealed SealState = ""         // the host may read what it has written
	Sealed    SealState = "sealed"   // the host may not read data/*
	Unsealed  SealState = "unsealed" // it is sealed, but may read until PolicyCheck.UnsealedUntil
)

// SealState tells what the policy lets the host read at a time.
func (c *PolicyCheck) SealState(now time.Time) SealState {
	switch {
	case !c.Sealed:
		return NotSealed
	case now.Before(c.UnsealedUntil):
		return Unsealed
	}
	return Sealed
}

// seal is what the policy that was checked says.
func (c *PolicyCheck) seal() seal { return seal{on: c.Sealed, until: c.UnsealedUntil} }
