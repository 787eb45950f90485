package s3dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// policyDoc is a bucket policy in the form in which it is evaluated.
type policyDoc struct{ statements []statement }

type statement struct {
	deny                     bool
	principals, notPrincipal []string
	actions, notActions      []string // lower case
	resources, notResources  []string // without arn:aws:s3:::
	conditions               []condition
}

type condition struct {
	operator, key string // lower case; ForAnyValue: and IfExists taken off
	values        []string
	ifExists      bool
	forAll        bool
}

// decision is what a policy says about one action.
type decision int

const (
	silent decision = iota
	allow
	deny
)

// texts is a string or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		list = []json.RawMessage{data}
	}
	for _, raw := range list {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			var plain any // numbers and booleans stand for their text
			if err := json.Unmarshal(raw, &plain); err != nil {
				return err
			}
			switch plain.(type) {
			case bool, float64:
				s = string(raw)
			default:
				return errors.New("neither a string nor a list of strings")
			}
		}
		*t = append(*t, s)
	}
	return nil
}

// principalText is "*" or {"AWS": …}.
type principalText []string

func (p *principalText) UnmarshalJSON(data []byte) error {
	var star string
	if json.Unmarshal(data, &star) == nil {
		if star != "*" {
			return errors.New("invalid principal")
		}
		*p = principalText{"*"}
		return nil
	}
	var kinds map[string]texts
	if err := json.Unmarshal(data, &kinds); err != nil {
		return err
	}
	for kind, names := range kinds {
		if kind != "AWS" && kind != "CanonicalUser" {
			return fmt.Errorf("invalid principal kind %q", kind)
		}
		*p = append(*p, names...)
	}
	if len(*p) == 0 {
		return errors.New("no principal")
	}
	return nil
}

const s3ARN = "arn:aws:s3:::"

// parsePolicy reads a policy and checks it as the server does at PUT.
func parsePolicy(text []byte, bucket string, ids *identities, traits Traits) (*policyDoc, error) {
	var doc struct {
		Statement json.RawMessage
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	type raw struct {
		Effect                  string
		Principal, NotPrincipal principalText
		Action, NotAction       texts
		Resource, NotResource   texts
		Condition               map[string]map[string]texts
	}
	var statements []raw
	if err := json.Unmarshal(doc.Statement, &statements); err != nil {
		var one raw
		if json.Unmarshal(doc.Statement, &one) != nil {
			return nil, err
		}
		statements = []raw{one}
	}
	if len(statements) == 0 {
		return nil, errors.New("no statement")
	}
	out := &policyDoc{}
	for _, r := range statements {
		s := statement{deny: r.Effect == "Deny", principals: r.Principal, notPrincipal: r.NotPrincipal}
		if r.Effect != "Deny" && r.Effect != "Allow" {
			return nil, fmt.Errorf("invalid effect %q", r.Effect)
		}
		if (len(r.Principal) == 0) == (len(r.NotPrincipal) == 0) {
			return nil, errors.New("a statement needs a principal")
		}
		for _, p := range slices.Concat(r.Principal, r.NotPrincipal) {
			if !ids.isPrincipal(p, traits) {
				return nil, fmt.Errorf("invalid principal %q", p)
			}
		}
		if (len(r.Action) == 0) == (len(r.NotAction) == 0) || (len(r.Resource) == 0) == (len(r.NotResource) == 0) {
			return nil, errors.New("a statement needs actions and resources")
		}
		for _, a := range slices.Concat(r.Action, r.NotAction) {
			if !knownAction(a, traits) {
				return nil, fmt.Errorf("invalid action %q", a)
			}
		}
		s.actions, s.notActions = lowered(r.Action), lowered(r.NotAction)
		for i, res := range slices.Concat(r.Resource, r.NotResource) {
			path, ok := strings.CutPrefix(res, s3ARN)
			name, _, _ := strings.Cut(path, "/")
			if res == "*" {
				path, ok, name = "*", true, bucket
			}
			if !ok || !wildcard(name, bucket) {
				return nil, fmt.Errorf("invalid resource %q", res)
			}
			if i < len(r.Resource) {
				s.resources = append(s.resources, path)
			} else {
				s.notResources = append(s.notResources, path)
			}
		}
		var err error
		if s.conditions, err = parseConditions(r.Condition, traits); err != nil {
			return nil, err
		}
		out.statements = append(out.statements, s)
	}
	return out, nil
}

func lowered(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}

// asked is one question to a policy.
type asked struct {
	action   string
	resource string // bucket or bucket/key
	user     *User  // nil for an anonymous request
	env      func(key string) (values []string, ok bool)
}

// eval answers: an explicit Deny wins over any Allow, in any order.
func (p *policyDoc) eval(q asked, traits Traits) decision {
	out := silent
	if p == nil {
		return out
	}
	action := strings.ToLower(q.action)
	for i := range p.statements {
		s := &p.statements[i]
		if out == allow && !s.deny || !s.applies(action, q, traits) {
			continue
		}
		if s.deny {
			return deny
		}
		out = allow
	}
	return out
}

func (s *statement) applies(action string, q asked, traits Traits) bool {
	if s.principals != nil {
		if !slices.ContainsFunc(s.principals, func(p string) bool { return isUser(p, q.user, traits) }) {
			return false
		}
	} else if slices.ContainsFunc(s.notPrincipal, func(p string) bool { return isUser(p, q.user, traits) }) {
		return false
	}
	matches := func(list []string, text string) bool {
		return slices.ContainsFunc(list, func(pattern string) bool { return wildcard(pattern, text) })
	}
	if s.actions != nil && !matches(s.actions, action) || s.notActions != nil && matches(s.notActions, action) {
		return false
	}
	if s.resources != nil && !matches(s.resources, q.resource) || s.notResources != nil && matches(s.notResources, q.resource) {
		return false
	}
	for _, c := range s.conditions {
		if !c.holds(q.env) {
			return false
		}
	}
	return true
}

// isUser reports whether a policy's principal means the user, nil being
// an anonymous one.
func isUser(principal string, u *User, traits Traits) bool {
	if principal == "*" {
		return true
	}
	if u == nil {
		return false
	}
	if traits.Principal == PrincipalARN && principal == "arn:aws:iam::"+u.account()+":root" {
		return true
	}
	return principal == traits.principal(*u)
}

// wildcard matches text against a pattern with * and ?.
func wildcard(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p, t = p+1, t+1
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
