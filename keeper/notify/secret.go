package notify

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// service names the service of a URL without what may be secret.
func service(u string) string {
	scheme, _, ok := strings.Cut(u, "://")
	if !ok {
		return "no URL"
	}
	return scheme
}

var urlLike = regexp.MustCompile(`(?i)[a-z0-9+.-]+://\S+`)

// leastHidden is how long a part of a URL is that is taken for a secret. Shorter ones
// are words like hook or api.
const leastHidden = 8

// hide takes URLs and what is in this one out of an error's text: services repeat what
// they do not know.
func hide(err error, u string) error {
	text := urlLike.ReplaceAllString(strings.ReplaceAll(err.Error(), u, "(URL)"), "(URL)")
	for _, secret := range secrets(u) {
		text = strings.ReplaceAll(text, secret, "(hidden)")
	}
	return errors.New(text)
}

// secrets are the parts of a URL that may be secret, the longest first, as they are and
// as they are written in it.
func secrets(u string) (list []string) {
	add := func(least int, texts ...string) {
		for _, text := range texts {
			if len(text) >= least && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	parsed, err := url.Parse(u)
	if err != nil {
		return nil
	}
	if password, ok := parsed.User.Password(); ok {
		add(1, password, url.QueryEscape(password), url.PathEscape(password))
	}
	add(leastHidden, parsed.User.Username(), url.PathEscape(parsed.User.Username()), parsed.Fragment)
	for _, path := range []string{parsed.Path, parsed.EscapedPath()} {
		add(leastHidden, strings.Split(path, "/")...)
	}
	for _, values := range parsed.Query() {
		for _, value := range values {
			if !strings.Contains(value, "@") { // addresses, which tell what is wrong
				add(leastHidden, value, url.QueryEscape(value))
			}
		}
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return list
}

// withoutReferer follows redirects, but does not tell where they lead from: the URL of
// a watchdog is a secret.
func withoutReferer(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("it redirects too often")
	}
	req.Header.Del("Referer")
	return nil
}
