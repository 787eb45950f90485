package s3state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// grant is one statement as it was read.
type grant struct {
	sid        string
	effect     string
	principals []string // "*" for everybody
	except     []string // it is for everybody but these; instead of principals
	actions    []string
	resources  []string
	other      []string // elements that narrow, widen or invert the statement
	condition  json.RawMessage
	rest       map[string]any // the values of other
}

// readPolicy reads a bucket policy as S3 and RGW allow it to be written.
func readPolicy(policy []byte) ([]grant, error) {
	_, grants, err := splitPolicy(policy)
	return grants, err
}

// splitPolicy is readPolicy that also returns each statement as it was written.
func splitPolicy(policy []byte) (statements []json.RawMessage, grants []grant, err error) {
	// States saved by the Python RWM may hold the policy as a string of JSON.
	var quoted string
	if json.Unmarshal(policy, &quoted) == nil {
		policy = []byte(quoted)
	}
	var doc struct {
		Statement json.RawMessage
	}
	if err := json.Unmarshal(policy, &doc); err != nil {
		return nil, nil, fmt.Errorf("the policy is not JSON: %v", err)
	}
	if err := namedOnce(json.NewDecoder(bytes.NewReader(policy))); err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(doc.Statement, &statements); err != nil {
		statements = []json.RawMessage{doc.Statement}
	}
	for i, raw := range statements {
		var st map[string]json.RawMessage
		if err := json.Unmarshal(raw, &st); err != nil {
			return nil, nil, fmt.Errorf("the policy has no statements: %v", err)
		}
		g, err := readStatement(st)
		if err != nil {
			return nil, nil, fmt.Errorf("statement %d: %v", i+1, err)
		}
		grants = append(grants, g)
	}
	return statements, grants, nil
}

// namedOnce refuses valid JSON with an object that has a name twice, if only in another
// case. Servers take the first one, the last one or, like versitygw, both, so nobody
// knows what such a policy allows.
func namedOnce(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			token, err := d.Token()
			if err != nil {
				return err
			}
			name := fmt.Sprint(token)
			folded := strings.ToLower(name)
			if seen[folded] {
				return fmt.Errorf("the policy has %q twice in one place", s3err.Clip(name))
			}
			seen[folded] = true
		}
		if err := namedOnce(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end
	return err
}

func readStatement(st map[string]json.RawMessage) (grant, error) {
	var g grant
	for name, value := range st {
		var err error
		switch name {
		case "Sid":
			err = json.Unmarshal(value, &g.sid)
		case "Effect":
			err = json.Unmarshal(value, &g.effect)
		case "Action":
			err = json.Unmarshal(value, (*stringOrList)(&g.actions))
		case "Resource":
			err = json.Unmarshal(value, (*stringOrList)(&g.resources))
		case "Principal":
			g.principals, err = readPrincipal(value)
		case "NotPrincipal":
			g.except, err = readPrincipal(value)
		case "Condition":
			g.condition = value
			err = g.also(name, value)
		default:
			err = g.also(name, value)
		}
		if err != nil {
			return grant{}, fmt.Errorf("%s: %v", s3err.Clip(name), err)
		}
	}
	slices.Sort(g.other)
	return g, nil
}

// also records an element that narrows, widens or inverts the statement.
func (g *grant) also(name string, value json.RawMessage) error {
	var v any
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	if g.rest == nil {
		g.rest = map[string]any{}
	}
	g.other, g.rest[name] = append(g.other, name), v
	return nil
}

func readPrincipal(value json.RawMessage) ([]string, error) {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return []string{text}, nil
	}
	var kinds map[string]stringOrList
	d := json.NewDecoder(bytes.NewReader(value))
	if err := d.Decode(&kinds); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("trailing data")
	}
	var all []string
	for kind, names := range kinds {
		for _, n := range names {
			if kind != "AWS" {
				n = kind + ":" + n
			}
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// stringOrList is JSON's "a" or ["a", "b"].
type stringOrList []string

func (l *stringOrList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = stringOrList{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
