package s3dev

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseConditions reads a statement's Condition block.
func parseConditions(block map[string]map[string]texts, traits Traits) ([]condition, error) {
	var out []condition
	for name, keys := range block {
		op := strings.ToLower(name)
		op = strings.TrimPrefix(op, "foranyvalue:")
		op, forAll := strings.CutPrefix(op, "forallvalues:")
		op, ifExists := strings.CutSuffix(op, "ifexists")
		if op != "null" && operators[op] == nil {
			return nil, fmt.Errorf("invalid condition type %q", name)
		}
		for key, values := range keys {
			key = strings.ToLower(key)
			if !knownConditionKey(key) {
				return nil, fmt.Errorf("invalid condition key %q", key)
			}
			if strings.HasPrefix(key, "s3:object-lock-") && traits.LockConditions == ConditionsRefused {
				return nil, fmt.Errorf("unsupported condition key %q", key)
			}
			if strings.HasPrefix(op, "date") {
				for _, v := range values {
					if _, ok := dateOf(v); !ok {
						return nil, fmt.Errorf("invalid date %q", v)
					}
				}
			}
			out = append(out, condition{operator: op, key: key, values: values, ifExists: ifExists, forAll: forAll})
		}
	}
	return out, nil
}

var conditionKeys = []string{
	"aws:currenttime", "aws:epochtime", "aws:securetransport", "aws:sourceip", "aws:useragent", "aws:referer",
	"aws:principalarn", "aws:username", "aws:userid", "aws:multifactorauthage", "s3:prefix", "s3:delimiter",
	"s3:max-keys", "s3:versionid", "s3:object-lock-mode", "s3:object-lock-retain-until-date",
	"s3:object-lock-remaining-retention-days", "s3:object-lock-legal-hold", "s3:if-none-match", "s3:if-match",
	"s3:signatureversion", "s3:authtype", "s3:locationconstraint", "s3:requestobjecttagkeys",
}

func knownConditionKey(key string) bool {
	return slices.Contains(conditionKeys, key) || strings.HasPrefix(key, "s3:x-amz-") ||
		strings.HasPrefix(key, "s3:existingobjecttag/") || strings.HasPrefix(key, "s3:requestobjecttag/")
}

// holds evaluates one condition; a key without a value fails every operator
// but Null, the negated ones and …IfExists.
func (c condition) holds(env func(string) ([]string, bool)) bool {
	got, ok := env(c.key)
	if c.operator == "null" {
		return len(c.values) == 1 && (strings.EqualFold(c.values[0], "true") == !ok)
	}
	if !ok {
		return c.ifExists || c.forAll || negated(c.operator)
	}
	match := operators[c.operator]
	one := func(have string) bool {
		if negated(c.operator) {
			return !slices.ContainsFunc(c.values, func(want string) bool { return !match(have, want) })
		}
		return slices.ContainsFunc(c.values, func(want string) bool { return match(have, want) })
	}
	if c.forAll || negated(c.operator) {
		return !slices.ContainsFunc(got, func(have string) bool { return !one(have) })
	}
	return slices.ContainsFunc(got, one)
}

func negated(op string) bool { return strings.Contains(op, "not") }

// operators compare the request's value with one of the condition's.
var operators = map[string]func(have, want string) bool{
	"stringequals":              func(h, w string) bool { return h == w },
	"stringnotequals":           func(h, w string) bool { return h != w },
	"stringequalsignorecase":    strings.EqualFold,
	"stringnotequalsignorecase": func(h, w string) bool { return !strings.EqualFold(h, w) },
	"stringlike":                func(h, w string) bool { return wildcard(w, h) },
	"stringnotlike":             func(h, w string) bool { return !wildcard(w, h) },
	"arnequals":                 func(h, w string) bool { return wildcard(w, h) },
	"arnlike":                   func(h, w string) bool { return wildcard(w, h) },
	"arnnotequals":              func(h, w string) bool { return !wildcard(w, h) },
	"arnnotlike":                func(h, w string) bool { return !wildcard(w, h) },
	"bool":                      strings.EqualFold,
	"ipaddress":                 inNetwork,
	"notipaddress":              func(h, w string) bool { return !inNetwork(h, w) },
	"numericequals":             numeric(func(c int) bool { return c == 0 }),
	"numericnotequals":          numeric(func(c int) bool { return c != 0 }),
	"numericlessthan":           numeric(func(c int) bool { return c < 0 }),
	"numericlessthanequals":     numeric(func(c int) bool { return c <= 0 }),
	"numericgreaterthan":        numeric(func(c int) bool { return c > 0 }),
	"numericgreaterthanequals":  numeric(func(c int) bool { return c >= 0 }),
	"dateequals":                dated(func(c int) bool { return c == 0 }),
	"datenotequals":             dated(func(c int) bool { return c != 0 }),
	"datelessthan":              dated(func(c int) bool { return c < 0 }),
	"datelessthanequals":        dated(func(c int) bool { return c <= 0 }),
	"dategreaterthan":           dated(func(c int) bool { return c > 0 }),
	"dategreaterthanequals":     dated(func(c int) bool { return c >= 0 }),
}

func inNetwork(have, want string) bool {
	addr, err := netip.ParseAddr(have)
	if err != nil {
		return false
	}
	if network, err := netip.ParsePrefix(want); err == nil {
		return network.Contains(addr)
	}
	single, err := netip.ParseAddr(want)
	return err == nil && single == addr
}

func numeric(fits func(int) bool) func(string, string) bool {
	return func(have, want string) bool {
		h, err := strconv.ParseFloat(have, 64)
		w, err2 := strconv.ParseFloat(want, 64)
		if err != nil || err2 != nil {
			return false
		}
		switch {
		case h < w:
			return fits(-1)
		case h > w:
			return fits(1)
		}
		return fits(0)
	}
}

func dated(fits func(int) bool) func(string, string) bool {
	return func(have, want string) bool {
		h, ok := dateOf(have)
		w, ok2 := dateOf(want)
		return ok && ok2 && fits(h.Compare(w))
	}
}

// dateOf reads a date of a condition: ISO 8601 or seconds of the epoch.
func dateOf(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), true
	}
	return time.Time{}, false
}
