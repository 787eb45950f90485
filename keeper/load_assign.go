package keeper

import (
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

var secretType = reflect.TypeFor[Secret]()

// secretForms are the endings of a secret's key and what its value is then.
var secretForms = []string{"_file", "_command", "_credential"}

// keysOf lists the keys of a struct; a secret has four.
func keysOf(v any, more ...string) []string {
	t := reflect.TypeOf(v)
	names := more
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		names = append(names, name)
		if t.Field(i).Type == secretType {
			for _, form := range secretForms {
				names = append(names, name+form)
			}
		}
		if t.Field(i).Type == reflect.TypeFor[[]Secret]() {
			names = append(names, name+"_file")
		}
	}
	return names
}

// assign decodes the value of a key into the field of its name.
func (l *loader) assign(target any, e entry, path string) {
	v := reflect.ValueOf(target).Elem()
	if strings.HasPrefix(e.value.Tag, "!") && !strings.HasPrefix(e.value.Tag, "!!") {
		l.fail(e.line, path, "a value that begins with ! must be in quotes")
		return
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		form, ok := strings.CutPrefix(e.key, name)
		if name == "" || !ok || form != "" && !l.isForm(v.Field(i), form) {
			continue
		}
		switch field := v.Field(i).Addr().Interface().(type) {
		case *Secret:
			l.secret(field, form, e, path)
		case *[]Secret:
			l.secrets(field, form, e, path)
		default:
			if e.value.Tag != "!!null" { // an empty value is the same as no key
				l.other(field, e, path)
			}
		}
		return
	}
}

func (l *loader) isForm(field reflect.Value, form string) bool {
	for _, f := range secretForms {
		if f == form {
			return field.Type() == secretType || field.Type() == reflect.TypeFor[[]Secret]() && form == "_file"
		}
	}
	return false
}

// secret sets a secret. Of the four keys the last in the file wins over that of the
// defaults; two of one storage make no sense, but do no harm either.
func (l *loader) secret(into *Secret, form string, e entry, path string) {
	if e.value.Kind != yaml.ScalarNode || e.value.Tag == "!!null" || e.value.Value == "" {
		l.fail(e.line, path, "must be a single value that is not empty")
		return
	}
	if e.value.Tag == "!!binary" {
		l.fail(e.line, path, "must be text; what is not goes into a file of its own")
		return
	}
	switch form {
	case "":
		*into = Secret{value: e.value.Value}
	case "_file":
		*into = Secret{file: e.value.Value}
	case "_command":
		*into = Secret{command: e.value.Value}
	case "_credential":
		*into = Secret{credential: e.value.Value}
	}
}

// secrets reads a list of values, or of one file each.
func (l *loader) secrets(into *[]Secret, form string, e entry, path string) {
	items := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		items = e.value.Content
	}
	for _, item := range items {
		var one Secret
		l.secret(&one, form, entry{e.key, item.Line, item}, path)
		*into = append(*into, one)
	}
}

func (l *loader) other(field any, e entry, path string) {
	v := reflect.ValueOf(field).Elem()
	if _, custom := field.(yaml.Unmarshaler); v.Kind() == reflect.Struct && !custom {
		for _, inner := range l.entries(e.value, path, keysOf(v.Interface())) {
			l.lines[path+"."+inner.key] = inner.line
			l.assign(field, inner, path+"."+inner.key)
		}
		return
	}
	if v.CanInt() && v.Type().PkgPath() == "" && e.value.Kind == yaml.ScalarNode && e.value.Tag == "!!float" {
		l.fail(e.line, path, "must be a whole number")
		return
	}
	if err := e.value.Decode(field); err != nil {
		text := err.Error()
		if typed, ok := err.(*yaml.TypeError); ok {
			text = strings.Join(typed.Errors, "; ")
		}
		l.fail(e.line, path, "%s", withoutSecrets(text))
	}
}

// closest suggests the key that was probably meant.
func closest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "; docs/keeper.md lists them"
	}
	return "; did you mean " + best + "?"
}

// distance is the number of letters to change, add or take away.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
