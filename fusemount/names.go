package fusemount

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cesnet/rwm/restic"
)

// name is a directory above the snapshots, a snapshot, or a link to one.
type name struct {
	snapshot *restic.Snapshot
	link     string           // where the link "latest" to the snapshot points
	entries  map[string]*name // of a directory
}

// arrange gives snapshots, sorted by time, the names that the templates ask for.
func arrange(snapshots []restic.Snapshot, pathTemplates []string, timeTemplate string) *name {
	root := &name{entries: map[string]*name{}}
	for _, t := range pathTemplates {
		root.dir(fixedPart(t))
	}
	for i := range snapshots {
		sn := &snapshots[i]
		for _, t := range pathTemplates {
			paths, ending := expand(t, timeTemplate, sn)
			for _, p := range paths {
				last := root.free(p, ending)
				root.put(p+last, &name{snapshot: sn})
				if ending != "" {
					// snapshots come by time, so the last to come is the latest
					root.put(p+"/latest", &name{snapshot: sn, link: last})
				}
			}
		}
	}
	return root
}

// split returns the steps of a path below the root; none of them leads up or nowhere.
func split(p string) []string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return nil
	}
	return strings.Split(p, "/")
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

// put puts leaf at a path. A directory that is there already keeps its entries, which however cannot be seen behind a snapshot.
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

// free returns ending, with a number behind it where the name is taken.
func (n *name) free(p, ending string) string {
	for i, try := 1, ending; ; i++ {
		if n.at(p+try) == nil {
			return try
		}
		try = fmt.Sprintf("%s-%d", ending, i)
	}
}

// expand returns the paths of a snapshot; several, or none, where the template names the tags. The time at the end of a template is
// returned apart.
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
				// restic lets the only tag of a snapshot name several directories, as in a/b
				if len(tags) > 1 || strings.Join(split(tags[i]), "/") != tags[i] {
					tags[i] = fileName(tags[i])
				}
			}
			add(tags...)
		case 'i':
			add(sn.ID.Short())
		case 'I':
			add(sn.ID.String())
		case 'u':
			add(sn.Username)
		case 'h':
			add(sn.Hostname)
		default:
			add(string(c))
		}
	}
	return paths, ""
}

// fileName makes a tag fit for the name of one file.
func fileName(tag string) string {
	switch tag {
	case "", ".":
		return "_"
	case "..":
		return "__"
	}
	return strings.ReplaceAll(tag, "/", "_")
}

// fixedPart returns the directories of a template that are there even without snapshots: those before the first that depends on one.
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
