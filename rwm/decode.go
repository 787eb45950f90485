package rwm

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder turns YAML nodes into the fields of Config. It is stricter than
// yaml.v3's own decoder and, unlike that, says where something is wrong, what
// was probably meant, and all of it at once.
type decoder struct {
	source source
	errs   []error
	merges int                 // mappings merged in up to now
	order  map[string][]string // path of a map → its keys as they stand in the file
}

// maxAliases bounds chains of YAML aliases and merges, and maxMerges all merges of
// a file, so that a small file cannot keep us busy; real ones have one or two.
const (
	maxAliases = 20
	maxMerges  = 1000
)

func (d *decoder) fail(node *yaml.Node, key, format string, args ...any) {
	d.errs = append(d.errs, &ConfigError{File: d.source.name, Line: node.Line, Key: key, Msg: fmt.Sprintf(format, args...)})
}

// value decodes node into v, the value of the key at path.
func (d *decoder) value(node *yaml.Node, v reflect.Value, path string) {
	node = resolve(node)
	if path != "" {
		d.source.lines[path] = node.Line
	}
	if node.Kind == yaml.ScalarNode && d.misread(node, path) {
		return
	}
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return // an empty value is the same as no key
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(node, v, path)
	case reflect.Map:
		d.mapping(node, v, path)
	case reflect.Slice:
		d.list(node, v, path)
	case reflect.Bool:
		d.boolean(node, v, path)
	default:
		if node.Kind != yaml.ScalarNode {
			d.fail(node, path, "must be a single value, not %s", kindName(node))
			return
		}
		v.SetString(node.Value)
	}
}

func (d *decoder) structure(node *yaml.Node, v reflect.Value, path string) {
	fields := map[string]int{}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
			fields[name] = i
		}
	}
	for _, entry := range d.entries(node, path) {
		i, ok := fields[entry.name]
		if !ok {
			d.fail(entry.key, join(path, entry.name), "unknown key%s", didYouMean(entry.name, keys(fields)))
			continue
		}
		d.value(entry.value, v.Field(i), join(path, entry.name))
	}
}

func (d *decoder) mapping(node *yaml.Node, v reflect.Value, path string) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, entry := range d.entries(node, path) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(entry.value, item, join(path, entry.name))
		v.SetMapIndex(reflect.ValueOf(entry.name), item)
		if !slices.Contains(d.order[path], entry.name) { // merged in from several places
			d.order[path] = append(d.order[path], entry.name)
		}
	}
}

func (d *decoder) list(node *yaml.Node, v reflect.Value, path string) {
	if node.Kind != yaml.SequenceNode {
		d.fail(node, path, "must be a list, not %s; write each item on a line of its own after \"- \"", kindName(node))
		return
	}
	for i, item := range node.Content {
		item = resolve(item)
		where := fmt.Sprintf("%s[%d]", path, i)
		d.source.lines[where] = item.Line
		if item.Kind != yaml.ScalarNode {
			d.fail(item, where, "must be a single value, not %s", kindName(item))
			continue
		}
		if d.misread(item, where) {
			continue
		}
		if item.Tag == "!!null" || item.Value == "" {
			d.fail(item, where, "is empty")
			continue
		}
		v.Set(reflect.Append(v, reflect.ValueOf(item.Value)))
	}
}

func (d *decoder) boolean(node *yaml.Node, v reflect.Value, path string) {
	switch {
	case node.Kind != yaml.ScalarNode:
	case slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(node.Value)):
		v.SetBool(true)
		return
	case slices.Contains([]string{"false", "no", "off", "0"}, strings.ToLower(node.Value)):
		v.SetBool(false)
		return
	}
	d.fail(node, path, "must be true or false")
}

// misread reports values whose first character means something to YAML, so that
// the parser took them, or part of a password, for a tag or an anchor.
func (d *decoder) misread(node *yaml.Node, path string) bool {
	switch {
	case node.Tag != "" && !strings.HasPrefix(node.Tag, "!!"):
		d.fail(node, path, "a value that begins with ! must be in quotes")
	case node.Anchor != "" && node.Tag == "!!null":
		d.fail(node, path, "a value that begins with & must be in quotes")
	default:
		return false
	}
	return true
}

type entry struct {
	name       string
	key, value *yaml.Node
}

// entries lists the keys of a mapping, with what it merges in (<<) first so that
// its own keys win, and reports keys written twice.
func (d *decoder) entries(node *yaml.Node, path string) []entry {
	return d.entriesWithin(node, path, maxAliases)
}

func (d *decoder) entriesWithin(node *yaml.Node, path string, depth int) []entry {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		d.fail(node, path, "must have keys (\"key: value\" lines), but is %s", kindName(node))
		return nil
	}
	var merged, own []entry
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := resolve(node.Content[i]), node.Content[i+1]
		switch {
		case key.Tag == "!!merge":
			merged = append(merged, d.merge(value, path, depth-1)...)
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null" || key.Value == "":
			d.fail(key, path, "has a key that is not a name")
		case first[key.Value] != 0:
			d.fail(key, join(path, key.Value), "is here twice, the first time on line %d", first[key.Value])
		default:
			first[key.Value] = key.Line
			own = append(own, entry{key.Value, key, value})
		}
	}
	merged = slices.DeleteFunc(merged, func(e entry) bool { return first[e.name] != 0 })
	return append(merged, own...)
}

// merge lists the keys of what is merged in: a mapping, or several of which the
// first that has a key wins.
func (d *decoder) merge(node *yaml.Node, path string, depth int) (merged []entry) {
	sources := []*yaml.Node{node}
	if resolve(node).Kind == yaml.SequenceNode {
		sources = resolve(node).Content
	}
	for _, from := range slices.Backward(sources) {
		if d.merges++; depth == 0 || d.merges > maxMerges {
			if d.merges <= maxMerges+1 { // once is enough
				d.fail(node, path, "merges too much")
			}
			return nil
		}
		merged = append(merged, d.entriesWithin(from, path, depth)...)
	}
	return merged
}

// resolve follows an alias. A chain that does not end (YAML forbids it, but the
// parser may be fooled) yields the last node looked at.
func resolve(node *yaml.Node) *yaml.Node {
	for range maxAliases {
		if node.Kind != yaml.AliasNode || node.Alias == nil {
			break
		}
		node = node.Alias
	}
	return node
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func keys(m map[string]int) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func kindName(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Tag == "!!int" || node.Tag == "!!float":
		return "a number"
	case node.Tag == "!!bool":
		return "a truth value"
	default:
		return "text"
	}
}
