package notify

import (
	"strings"
	"testing"
)

func TestMarkupIsTurnedOff(t *testing.T) {
	t.Parallel()
	for u, want := range map[string]string{
		"smtp://h/?to=a&usehtml=yes":                     "smtp://h/?to=a",
		"telegram://1:t@telegram?chats=c&parseMode=HTML": "telegram://1:t@telegram?chats=c",
		"smtp://h/?from=a%40b&to=c":                      "smtp://h/?from=a%40b&to=c",
		"generic://h/?usehtml=yes":                       "generic://h/?usehtml=yes",
	} {
		if got := asText(u); got != want {
			t.Errorf("%s: %s", u, got)
		}
	}
	text := "<!channel> <https://evil.example|click> @everyone @here a@example.org"
	if got := harmless("slack://hook:x@webhook", text); strings.ContainsAny(got, "<>") {
		t.Error(got)
	}
	if got := harmless("discord://t@1", text); strings.Contains(got, "@everyone") || strings.Contains(got, "@here") || !strings.Contains(got, "a@example.org") {
		t.Error(got)
	}
	text = "[fix](https://evil.example) [fix][1] <users/all> <at user_id=\"all\"></at> @**all** @room @*group* a < b (c) [d] a@example.org"
	for _, u := range []string{"Discord://t@1", "googlechat://x", "lark://x", "matrix://x", "mattermost://x", "teams://x", "wecom://x", "zulip://x"} {
		got := harmless(u, text)
		for _, markup := range []string{"](", "][", "<u", "<a", "</", "@*", "@r"} {
			if strings.Contains(got, markup) {
				t.Errorf("%s: %s in %s", u, markup, got)
			}
		}
		if strings.ReplaceAll(got, "\u200b", "") != text || !strings.Contains(got, "a < b (c) [d] a@example.org") {
			t.Errorf("%s: %s", u, got)
		}
	}
	if got := harmless("ntfy://x/y", text); got != text {
		t.Error(got)
	}
}
