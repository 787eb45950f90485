package fusemount

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cesnet/rwm/restic"
)

// name is a directory above the snapshots, a snapshot, or a link to one.
type name struct {
	snapshot *restic.Snapshot
	link     string           // where the link "latest" to the snapshot points
	entries  map[string]*name // of a directory
}

// arrange names snapshots, sorted by time, as the templates say.
func arrange(snapshots []restic.Snapshot, pathTemplates []string, timeTemplate string) *name {
	root := &name{entries: map[string]*name{}}
	taken := make(map[string]int)
	for _, t := range pathTemplates {
		root.dir(fixedPart(t))
	}
	for i := range snapshots {
		sn := &snapshots[i]
		for _, t := range pathTemplates {
			paths, ending := expand(t, timeTemplate, sn)
			for _, p := range paths {
				last := root.free(p, ending, taken)
				root.put(p+last, &name{snapshot: sn})
				if ending != "" {
					// snapshots are sorted by time, so the last is the latest
					root.put(p+"/latest", &name{snapshot: sn, link: last})
				}
			}
		}
	}
	return root
}

// split returns the elements of a path below the root, none of them "..", "." or empty.
// Each can be the name of a file: the kernel refuses a directory with any other.
func split(p string) []string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return nil
	}
	steps := strings.Split(p, "/")
	for i, step := range steps {
		steps[i] = strings.ReplaceAll(shorten(step, 255), "\x00", "_")
	}
	return steps
}

// shorten cuts a name, at a character if it is one of UTF-8.
func shorten(name string, most int) string {
	if len(name) <= most {
		return name
	}
	for i := most; i > most-utf8.UTFMax; i-- {
		if utf8.RuneStart(name[i]) {
			return name[:i]
		}
	}
	return name[:most]
}

// dir returns the directory at a path, made as needed.
func (n *name) dir(p string) *name {
	for _, step := range split(p) {
		next := n.entries[step]
		if next == nil {
			next = &name{}
			n.entries[step] = next
		}
		if next.entries == nil {
			next.entries = map[string]*name{}
		}
		n = next
	}
	return n
}

// put puts leaf at a path. An existing directory keeps its entries, but a snapshot
// hides them.
func (n *name) put(p string, leaf *name) {
	steps := split(p)
	if len(steps) == 0 {
		return
	}
	last := len(steps) - 1
	parent := n.dir(strings.Join(steps[:last], "/"))
	if old := parent.entries[steps[last]]; old != nil {
		leaf.entries = old.entries
	}
	parent.entries[steps[last]] = leaf
}

// at returns what is at a path, or nil.
func (n *name) at(p string) *name {
	for _, step := range split(p) {
		if n = n.entries[step]; n == nil {
			return nil
		}
	}
	return n
}

// free returns ending, with a number appended if the name is taken. taken counts the
// names that are: thousands of snapshots may have the same time.
func (n *name) free(p, ending string, taken map[string]int) string {
	for i := taken[p+ending]; ; i++ {
		try := ending
		if i > 0 {
			try = fmt.Sprintf("%s-%d", ending, i)
		}
		if n.at(p+try) == nil {
			taken[p+ending] = i + 1
			return try
		}
	}
}

// expand returns the paths of a snapshot; several, or none, where the template names
// the tags. The time at the end of a template is returned separately.
func expand(template, timeTemplate string, sn *restic.Snapshot) (paths []string, ending string) {
	at := sn.Time.Format(timeTemplate)
	paths = []string{""}
	add := func(texts ...string) {
		var longer []string
		for _, text := range texts {
			for _, p := range paths {
				longer = append(longer, p+text)
			}
		}
		paths = longer
	}
	inVerb := false
	runes := []rune(template)
	for i, c := range runes {
		if !inVerb {
			if inVerb = c == '%'; !inVerb {
				add(string(c))
			}
			continue
		}
		inVerb = false
		switch c {
		case 'T':
			if i == len(runes)-1 {
				return paths, at
			}
			add(at)
		case 't':
			if len(sn.Tags) == 0 {
				return nil, ""
			}
			tags := slices.Clone(sn.Tags)
			for i := range tags {
				// in restic, a snapshot's only tag may name nested directories, as in
				// a/b
				if len(tags) > 1 || shallow(tags[i]) != strings.Join(split(tags[i]), "/") {
					tags[i] = fileName(tags[i])
				}
			}
			add(tags...)
		case 'i':
			add(sn.ID.Short())
		case 'I':
			add(sn.ID.String())
		case 'u':
			add(shallow(sn.Username))
		case 'h':
			add(shallow(sn.Hostname))
		default:
			add(string(c))
		}
	}
	return paths, ""
}

// mostSteps bounds the directories that a host, user or tag may name.
const mostSteps = 16

// shallow is a text that may name nested directories, but not thousands, nor others
// than its own.
func shallow(text string) string {
	if steps := strings.Split(text, "/"); len(steps) > mostSteps || slices.Contains(steps, "..") {
		return fileName(text)
	}
	return text
}

// fileName turns a tag into a valid file name.
func fileName(tag string) string {
	switch tag {
	case "", ".":
		return "_"
	case "..":
		return "__"
	}
	return strings.ReplaceAll(tag, "/", "_")
}

// fixedPart returns the directories of a template that exist even without snapshots:
// those before the first that depends on one.
func fixedPart(template string) string {
	inVerb := false
	for i, c := range template {
		if inVerb && strings.ContainsRune("iIuhtT", c) {
			before := template[:i]
			return before[:max(strings.LastIndex(before, "/"), 0)]
		}
		inVerb = !inVerb && c == '%'
	}
	return ""
}
