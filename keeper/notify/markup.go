package notify

import (
	"net/url"
	"regexp"
	"strings"
)

// Messages are plain text with names in it that an attacker has chosen. What a service
// would take for markup must not become a link or call everyone.

// asText turns off the markup that the URL of a service asks for.
func asText(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		return u
	}
	off := map[string]string{"smtp": "usehtml", "telegram": "parsemode"}[parsed.Scheme]
	query := parsed.Query()
	found := false
	for key := range query {
		if off != "" && strings.EqualFold(key, off) {
			query.Del(key)
			found = true
		}
	}
	if !found {
		return u
	}
	parsed.RawQuery = query.Encode()
	return parsed.String()
}

var (
	slackMarkup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	// mention calls everyone, or in Zulip anyone.
	mention = regexp.MustCompile(`(?i)@((?:all|channel|everyone|here|room)\b|[*_])`)
	// link gives an address another name; tag does so, or calls everyone.
	link = strings.NewReplacer("](", "]\u200b(", "][", "]\u200b[") // a space of no width
	tag  = regexp.MustCompile(`<(\S)`)
)

// harmless escapes text for the service of a URL.
func harmless(u, text string) string {
	switch strings.ToLower(service(u)) {
	case "slack", "hook":
		return slackMarkup.Replace(text)
	case "discord", "googlechat", "hangouts", "lark", "matrix", "mattermost", "rocketchat", "teams", "wecom", "zulip":
		text = mention.ReplaceAllString(text, "@\u200b$1")
		return tag.ReplaceAllString(link.Replace(text), "<\u200b$1")
	}
	return text
}
