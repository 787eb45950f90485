package s3dev

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// env gives the condition keys of the request as they are for one action.
func (m *memory) env(q *caller, b *bucket, key, versionID, action string) func(string) ([]string, bool) {
	text := func(s string) ([]string, bool) { return []string{s}, s != "" }
	return func(name string) ([]string, bool) {
		header := func() ([]string, bool) { return text(q.c.Get(strings.TrimPrefix(name, "s3:"))) }
		switch name {
		case "aws:currenttime":
			return text(q.now.UTC().Format(time.RFC3339Nano))
		case "aws:epochtime":
			return text(strconv.FormatInt(q.now.Unix(), 10))
		case "aws:securetransport":
			return text(strconv.FormatBool(q.c.Secure()))
		case "aws:sourceip":
			return text(q.c.IP())
		case "aws:useragent":
			return text(q.c.Get("User-Agent"))
		case "aws:referer":
			return text(q.c.Get("Referer"))
		case "aws:principalarn":
			if q.user == nil {
				return nil, false
			}
			return text(m.traits.principal(*q.user))
		case "aws:username", "aws:userid":
			if q.user == nil {
				return nil, false
			}
			return text(q.user.Name)
		case "s3:prefix", "s3:delimiter", "s3:max-keys":
			name := strings.TrimPrefix(name, "s3:")
			return []string{string(q.c.RequestCtx().QueryArgs().Peek(name))}, q.has(name)
		case "s3:versionid":
			return text(versionID)
		case "s3:if-match", "s3:if-none-match":
			return header()
		case "s3:x-amz-copy-source":
			if m.traits.FreePartCopy && q.has("partNumber") {
				return nil, false // not looked at there
			}
			plain, err := url.PathUnescape(strings.TrimPrefix(q.c.Get("X-Amz-Copy-Source"), "/"))
			if err != nil {
				return nil, false
			}
			return text(plain)
		}
		switch {
		case strings.HasPrefix(name, "s3:x-amz-"):
			return header()
		case strings.HasPrefix(name, "s3:object-lock-"):
			if m.traits.LockConditions != ConditionsKept {
				return nil, false
			}
			return q.lockEnv(name)
		case strings.HasPrefix(name, "s3:requestobjecttag/"):
			tags, err := url.ParseQuery(q.c.Get("X-Amz-Tagging"))
			if err != nil {
				return nil, false
			}
			return tagOf(name, func(yield func(string, string)) {
				for k, v := range tags {
					yield(k, v[0])
				}
			})
		case strings.HasPrefix(name, "s3:existingobjecttag/"):
			b.mu.RLock()
			defer b.mu.RUnlock()
			v, err := b.find(key, versionID)
			if err != nil || v.ext == nil {
				return nil, false
			}
			return tagOf(name, func(yield func(string, string)) {
				for k, val := range v.ext.tags {
					yield(k, val)
				}
			})
		}
		return nil, false
	}
}

func tagOf(name string, tags func(func(k, v string))) (out []string, ok bool) {
	_, want, _ := strings.Cut(name, "/")
	tags(func(k, v string) {
		if strings.EqualFold(k, want) {
			out, ok = []string{v}, true
		}
	})
	return out, ok
}

// lockEnv gives the condition keys of a request that sets a lock.
func (q *caller) lockEnv(name string) ([]string, bool) {
	l, err := q.lockAsked()
	if err != nil {
		return nil, false
	}
	switch name {
	case "s3:object-lock-mode":
		return []string{string(l.mode)}, l.mode != ""
	case "s3:object-lock-legal-hold":
		return []string{string(l.hold)}, l.hold != ""
	}
	if l.until.IsZero() {
		return nil, false
	}
	if name == "s3:object-lock-retain-until-date" {
		return []string{l.until.UTC().Format(time.RFC3339Nano)}, true
	}
	days := math.Ceil(l.until.Sub(q.now).Hours() / 24)
	return []string{strconv.FormatFloat(days, 'f', -1, 64)}, true
}
