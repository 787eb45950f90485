package s3state

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
)

// judge makes the plan from what look has read.
func (a *adoption) judge() {
	if !a.owned() {
		a.refuse("it belongs to %s, and these are the credentials of %s: an owner can destroy everything in it, whatever a policy says", a.plan.Owner, a.plan.Caller)
		a.plan.Instead = "Copy it into a bucket of your own, on the server, once its owner lets you read it and its versions: " + a.copyCommand()
		return
	}
	if r := a.check.UnfinishedRestore; r != nil {
		a.refuse("restoring into it has not been completed (%s); run the same restore again", r)
	}
	if len(a.plan.Repositories) == 0 {
		a.refuse("no restic repository was found in it, down to %d prefixes deep; for a new one, make a bucket with storage-create", repositoryDepth)
	}
	if a.lock != nil && a.has.RetainDays > 0 && a.has.Mode == Compliance && a.lock.Mode == Governance {
		a.refuse("it is locked in %s, and %s is weaker", Compliance, Governance)
	}
	a.judgePolicy()
	a.judgeACL()
	for i := range a.rules {
		r := &a.rules[i]
		fate, why := a.judgeRule(r)
		if a.found(AdoptLifecycle, fmt.Sprintf("rule %q", s3err.Clip(r.ID)), r.String(), fate, why) == AdoptKept {
			a.keptRules = append(a.keptRules, *r)
		}
	}
	if len(a.plan.Refused) == 0 {
		a.planSteps()
	}
	a.notes()
}

func (a *adoption) refuse(format string, args ...any) {
	a.plan.Refused = append(a.plan.Refused, fmt.Sprintf(format, args...))
}

func (a *adoption) copyCommand() string {
	return moveCommand(a.bucket, a.user, a.lock, a.opts.Keeper)
}

// found records a finding and its fate. With Replace, a refused one is dropped.
func (a *adoption) found(kind AdoptKind, name, text string, fate AdoptFate, why string) AdoptFate {
	if fate == AdoptRefused && a.opts.Replace {
		fate = AdoptDropped
	}
	a.plan.Found = append(a.plan.Found, AdoptFinding{Kind: kind, Name: name, Text: text, Fate: fate, Why: why})
	if fate == AdoptRefused {
		a.refuse("%s %s: %s (drop it with --replace)", map[AdoptKind]string{AdoptPolicy: "policy", AdoptACL: "ACL,", AdoptLifecycle: "lifecycle"}[kind], name, why)
	}
	return fate
}

// judgePolicy judges every statement of the policy. It replaces what a role may do by
// what it needs, keeps a Deny that goes beyond RWM's, and refuses what lets others in.
func (a *adoption) judgePolicy() {
	if a.config.policy == nil {
		return
	}
	statements, grants, err := splitPolicy(a.config.policy)
	if err != nil {
		a.found(AdoptPolicy, "as a whole", "it cannot be read", AdoptRefused, err.Error())
		return
	}
	wanted, _ := canonical([]byte(a.wanted().variants(a.who[:1], nil)[0]))
	for i, g := range grants {
		fate, why := a.judgeStatement(statements[i], g, wanted)
		name := fmt.Sprintf("statement %d", i+1)
		if g.sid != "" {
			name += fmt.Sprintf(" (%s)", s3err.Clip(g.sid))
		}
		if a.found(AdoptPolicy, name, g.String(), fate, why) == AdoptKept && !slices.Contains(wanted, g.canonical()) {
			a.kept = append(a.kept, statements[i])
		}
	}
}

// wanted is the policy to set, without the statements that are kept.
func (a *adoption) wanted() rolesPolicy {
	return rolesPolicy{bucket: a.bucket, ceph: a.ceph, lock: a.lock, seal: a.seal}.of(a.who[0])
}

func (a *adoption) judgeStatement(raw json.RawMessage, g grant, wanted []string) (AdoptFate, string) {
	roles := []string{a.admin, a.target}
	if a.keeper != "" {
		roles = append(roles, a.keeper)
	}
	switch {
	case slices.Contains(wanted, g.canonical()):
		return AdoptKept, "as it should be"
	case isTrial(a.bucket, g):
		return AdoptReplaced, "an interrupted storage-unseal left it"
	case isSeal(a.bucket, g) && sameSet(g.principals, []string{a.target}) && a.seal.on:
		return AdoptReplaced, "the host stays sealed"
	case g.effect == "Deny":
		return a.judgeDeny(raw, g)
	case g.effect != "Allow":
		return AdoptRefused, "it is neither an Allow nor a Deny"
	case len(g.other) > 0:
		return AdoptRefused, fmt.Sprintf("its %s would be lost", s3err.Clip(strings.Join(g.other, ", ")))
	case g.except != nil || len(g.principals) == 0:
		return AdoptRefused, "it lets in everyone but a few"
	}
	for _, p := range g.principals {
		if !slices.Contains(roles, p) {
			return AdoptRefused, fmt.Sprintf("it lets %s in, who is neither the admin nor %s", s3err.Clip(p), a.hosts())
		}
	}
	return AdoptReplaced, "each role gets what it needs"
}

func (a *adoption) hosts() string {
	if a.keeper == "" {
		return "the host"
	}
	return "the host nor the keeper"
}

// judgeDeny keeps a Deny with which the policy still passes the check of a policed
// bucket.
func (a *adoption) judgeDeny(raw json.RawMessage, g grant) (AdoptFate, string) {
	if a.wanted().denies(g) {
		return AdoptReplaced, "a wider one is set"
	}
	f := *a.config
	f.versioning, f.acl.Grants = VersioningEnabled, nil
	f.policy = []byte(withKept(a.wanted().statements(), []json.RawMessage{raw}))
	if c := checkPolicy(a.bucket, &f); !c.OK {
		return AdoptRefused, "with it the policy would not pass the check: " + strings.Join(c.Problems, "; ")
	}
	return AdoptKept, ""
}

// denies reports whether the policy has a Deny of what g denies, or of more. One for
// everybody but some replaces one that leaves out fewer: a role would be missing there.
func (p rolesPolicy) denies(g grant) bool {
	return slices.ContainsFunc(p.statements(), func(st policyStatement) bool {
		return st.Effect == "Deny" && st.Condition == nil && len(g.other) == 0 && sameSet(st.Principal["AWS"], g.principals) &&
			subset(g.except, st.Except["AWS"]) && (g.except == nil) == (st.Except == nil) && subset(g.actions, st.Action) && subset(g.resources, st.Resource)
	})
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// String describes a statement in one line.
func (g grant) String() string {
	list := func(all []string) string {
		const most = 4
		text := strings.Join(all[:min(len(all), most)], ", ")
		if len(all) > most {
			text += fmt.Sprintf(" and %d more", len(all)-most)
		}
		return s3err.Clip(text)
	}
	who := list(g.principals)
	if g.except != nil {
		who = "everyone but " + list(g.except)
	}
	text := fmt.Sprintf("%s %s to %s", g.effect, list(g.actions), who)
	if len(g.other) > 0 {
		text += ", with " + list(g.other)
	}
	return text
}

// judgeACL judges the grants of the bucket's ACL: only the owner's stays.
func (a *adoption) judgeACL() {
	owner := a.config.acl.Owner
	for _, g := range a.config.acl.Grants {
		who := g.Grantee.ID
		if g.Grantee.URI != "" {
			who = shortName(g.Grantee.URI)
		} else if who == owner.ID {
			continue
		}
		fate, why := AdoptRefused, "it lets in someone who has no role"
		if arn, known := ownerPrincipal(g.Grantee.ID); g.Grantee.URI == "" && known && (arn == a.target || arn == a.keeper) {
			fate, why = AdoptReplaced, "the policy gives the role what it needs"
		}
		a.found(AdoptACL, "grant to "+s3err.Clip(who), s3err.Clip(g.Permission), fate, why)
	}
}

// notes records what the changes do not undo.
func (a *adoption) notes() {
	note := func(format string, args ...any) { a.plan.Notes = append(a.plan.Notes, fmt.Sprintf(format, args...)) }
	if !a.check.OK {
		note("if keys of %s have ever been on the host, replace them: an owner can undo all of this", s3err.Clip(a.plan.Owner))
	}
	if a.keeper != "" && a.opts.Keeper == "" && !a.check.OK {
		note("the policy names %s as the keeper, who stays the keeper: name another one with --keeper if that is wrong", s3err.Clip(a.keeper))
	}
	switch a.plan.Versioning {
	case VersioningEnabled:
	case VersioningSuspended:
		note("what was overwritten or deleted while versioning was suspended has no old version")
	default:
		note("what was overwritten or deleted before now has no old version")
	}
	set := a.plan.Settings
	if set.Uploads > 0 {
		what := fmt.Sprintf("unfinished uploads are in it (%d, %d bytes, the oldest of %s)", set.Uploads, set.UploadBytes, set.FirstUpload.UTC().Format("2006-01-02"))
		if a.lock != nil {
			note("%s; lifecycle removes them after %d days", what, uploadDays)
		} else {
			note("%s; they take space but do no harm", what)
		}
	}
	if len(set.Replication) > 0 {
		note("new versions are replicated to %s, which is not protected by this", strings.Join(set.Replication, ", "))
	}
	if a.lock != nil && a.plan.Versioning != VersioningOff && !a.ownRule() {
		note("lifecycle will remove versions that have not been current for %s: moments before that can no longer be restored", plural.Of(a.lock.Days, "day"))
	}
	if a.lock == nil && a.has.Enabled && a.has.RetainDays == 0 {
		note("object lock is on, but without a default retention nothing is locked; --lock sets one")
	}
	if a.lock != nil && a.has.RetainDays > a.lock.retainDays() {
		note("new versions were locked for %s until now; what is locked stays so", plural.Of(a.has.RetainDays, "day"))
	}
	if a.ceph && a.seal.on && !a.check.Sealed {
		note("on Ceph 16, what the host wrote before can still be copied in parts and read; storage-access finds out")
	}
	if !a.foundAll {
		note("so many prefixes are in it that not all were searched for repositories; a lifecycle rule that stays may concern one")
	}
	for _, prefix := range a.plan.Repositories {
		if prefix != "" {
			note("there is a repository at the prefix %s", s3err.Clip(prefix))
		}
	}
}
