package keeper

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
)

// Message is what people are told after a pass: all changes of state in one.
type Message struct {
	Title   string   `json:"title"`
	Text    string   `json:"text"`
	Changes []Change `json:"changes,omitempty"`
	// Only names the receivers that an earlier pass did not reach; the others know. nil
	// means all.
	Only []string `json:"only,omitempty"`
}

// What a message shows at most: services refuse long ones. The rest is counted.
const (
	mostParagraphs = 25
	mostNames      = 60
)

// message combines changes. A single one is told as it is; of several, those that are
// red for the same reason, as in an outage, share a paragraph.
func message(changes []Change) Message {
	if len(changes) == 1 {
		return Message{Title: changes[0].Title, Text: changes[0].Text, Changes: changes}
	}
	var red, alarmed, green []string
	var all []*paragraph
	for _, c := range changes {
		if c.Green {
			green = append(green, c.Storage)
			continue
		}
		red = append(red, c.Storage)
		if slices.ContainsFunc(c.Reds, func(r Red) bool { return urgent(r.Code) }) {
			alarmed = append(alarmed, c.Storage)
		}
		for _, r := range c.Reds {
			all = add(all, &c, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *paragraph) int {
		return cmp.Or(cmp.Compare(rank(a.first.Code), rank(b.first.Code)), cmp.Compare(len(b.storages), len(a.storages)))
	})
	m := Message{Title: title(len(red), alarmed, len(green)), Changes: changes}
	var text strings.Builder
	for i, p := range all {
		if i == mostParagraphs {
			fmt.Fprintf(&text, "And %s: rwm keep status.\n\n", plural.Of(len(all)-i, "more finding"))
			break
		}
		p.write(&text)
	}
	if len(green) > 0 {
		fmt.Fprintf(&text, "Green again, as everything due is proved: %s.\n", list(green))
	}
	m.Text = text.String()
	return m
}

func title(red int, alarmed []string, green int) string {
	var parts []string
	if len(alarmed) > 0 {
		first := strings.Join(alarmed[:min(3, len(alarmed))], ", ")
		if n := len(alarmed) - 3; n > 0 {
			first += fmt.Sprintf(" and %d more", n)
		}
		parts = append(parts, "look at "+first)
	}
	for _, n := range []struct {
		n    int
		word string
	}{{red, "RED"}, {green, "green again"}} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s %s", plural.Of(n.n, "storage"), plural.Are(n.n), n.word))
		}
	}
	return "RWM: " + strings.Join(parts, "; ")
}

// urgent reports whether a person has to look at what is red, as at an attack.
func urgent(code string) bool {
	return strings.HasPrefix(code, "alarm-") || slices.Contains([]string{"history", "settings", "removed", "state-lost"}, code)
}

func rank(code string) int {
	if urgent(code) {
		return 0
	}
	return 1
}

// paragraph lists the red reasons of some storages.
type paragraph struct {
	key      string
	first    Red
	bucket   string
	general  Red // with the words NAME and BUCKET
	storages []string
}

func add(all []*paragraph, c *Change, r Red) []*paragraph {
	general := func(text string) string { return replaceWord(replaceWord(text, c.Storage, "NAME"), c.Bucket, "BUCKET") }
	p := &paragraph{first: r, bucket: c.Bucket, general: Red{r.Code, general(r.Sentence), general(r.Command)}, storages: []string{c.Storage}}
	p.key = strings.Join([]string{r.Code, p.general.Sentence, p.general.Command}, "\x00")
	if i := slices.IndexFunc(all, func(o *paragraph) bool { return o.key == p.key }); i >= 0 {
		all[i].storages = append(all[i].storages, c.Storage)
		return all
	}
	return append(all, p)
}

func (p *paragraph) write(to *strings.Builder) {
	if len(p.storages) == 1 {
		fmt.Fprintf(to, "Storage %s (bucket %s) is red:\n- %s\n  To do: %s\n\n", p.storages[0], p.bucket, p.first.Sentence, p.first.Command)
		return
	}
	fmt.Fprintf(to, "%s are red: %s.\n- %s\n  To do: %s\n\n", plural.Of(len(p.storages), "storage"), list(p.storages), p.general.Sentence, p.general.Command)
}

func list(names []string) string {
	if n := len(names) - mostNames; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNames], ", "), n)
	}
	return strings.Join(names, ", ")
}

var nameLike = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._-]*`)

// replaceWord replaces a name where it stands alone.
func replaceWord(text, name, by string) string {
	return nameLike.ReplaceAllStringFunc(text, func(word string) string {
		if bare := strings.TrimRight(word, ".-_"); bare == name {
			return by + word[len(bare):]
		}
		return word
	})
}

// mostUntold bounds the messages that wait for receivers; the oldest are dropped first.
const mostUntold = 20

func (d stateDir) untoldFile() string { return filepath.Join(string(d), "untold.json") }

// untold are the messages that some receivers have missed.
func (d stateDir) untold() (list []Message) {
	text, err := os.ReadFile(d.untoldFile())
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil
	}
	return list
}

func (d stateDir) saveUntold(list []Message) error {
	text, err := json.Marshal(list[max(0, len(list)-mostUntold):])
	if err != nil {
		return err
	}
	if err := writeFile(d.untoldFile(), text, 0o600, true); err != nil {
		return fmt.Errorf("messages that wait are not saved: %w", err)
	}
	return nil
}
