package resticflags

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// flagSet makes flags of the fields of target, a pointer to one of this package's
// structs. It reads the tags that the command line gives to kong, so that a
// program that imports the library needs no kong.
func flagSet(target any, env Env) (*flags, error) {
	set := pflag.NewFlagSet("restic backup", pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	f := &flags{FlagSet: set, env: env, bad: map[string]error{}}
	return f, f.addAll(reflect.ValueOf(target).Elem())
}

// flags are a set of flags, and what is wrong with their environment variables.
type flags struct {
	*pflag.FlagSet
	env Env
	bad map[string]error // by flag; matters if that is not given
}

func (set *flags) addAll(structure reflect.Value) error {
	for field, value := range structure.Fields() {
		if field.Anonymous {
			if err := set.addAll(value); err != nil {
				return err
			}
			continue
		}
		if _, positional := field.Tag.Lookup("arg"); positional {
			continue
		}
		if err := set.add(field, value.Addr().Interface()); err != nil {
			return err
		}
	}
	return nil
}

// badVariable is the error of the first flag that is not given and whose variable makes
// no sense.
func (set *flags) badVariable() (err error) {
	set.VisitAll(func(f *pflag.Flag) {
		if bad := set.bad[f.Name]; bad != nil && !f.Changed && err == nil {
			err = bad
		}
	})
	return err
}

func (set *flags) add(field reflect.StructField, to any) error {
	name, short := flagName(field), field.Tag.Get("short")
	switch to := to.(type) {
	case *bool:
		set.BoolVarP(to, name, short, false, "")
	case *int:
		if field.Tag.Get("type") == "counter" {
			set.CountVarP(to, name, short, "")
		} else {
			set.IntVarP(to, name, short, 0, "")
		}
	case *uint:
		set.UintVarP(to, name, short, 0, "")
	case *string:
		set.StringVarP(to, name, short, field.Tag.Get("default"), "")
	case **string:
		set.VarP(optional{to}, name, short, "")
	case *[]string:
		if field.Tag.Get("sep") == "none" {
			set.StringArrayVarP(to, name, short, nil, "")
		} else {
			set.StringSliceVarP(to, name, short, nil, "")
		}
	default:
		return fmt.Errorf("--%s: no flag can be a %s", name, field.Type)
	}
	flag := set.Lookup(name)
	if variable := field.Tag.Get("env"); variable != "" {
		if text := set.env(variable); text != "" {
			if err := setDefault(flag, text); err != nil {
				set.bad[name] = fmt.Errorf("$%s: %q: %w", variable, text, reason(err))
			}
		}
	}
	flag.Value = checked{flag.Value, field, name}
	return nil
}

// reason drops the name of the function that could not read a number.
func reason(err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return number.Err
	}
	return err
}

// setDefault gives the flag the value that it has if it is not on the command line.
func setDefault(flag *pflag.Flag, text string) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		items := []string{text}
		if flag.Value.Type() == "stringSlice" {
			items = strings.Split(text, ",")
		}
		return list.Replace(items) // the first value of the command line takes its place
	}
	return flag.Value.Set(text)
}

// checked refuses an empty value of a text flag whose help gives it no meaning, and
// one that is not among the flag's values.
type checked struct {
	pflag.Value
	field reflect.StructField
	name  string
}

func (c checked) Set(text string) error {
	if text == "" && !strings.Contains(c.field.Tag.Get("help"), "''") {
		return emptyError(c.name)
	}
	if enum := c.field.Tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), text) {
		return fmt.Errorf("must be one of %s", strings.Join(strings.FieldsFunc(enum, func(r rune) bool { return r == ',' }), ", "))
	}
	return c.Value.Set(text)
}

// optional distinguishes an empty value from none.
type optional struct{ to **string }

func (o optional) Set(text string) error { *o.to = &text; return nil }
func (o optional) Type() string          { return "string" }
func (o optional) String() string {
	if o.to == nil || *o.to == nil {
		return ""
	}
	return **o.to
}

// flagName is the name the command line has for a field, too.
func flagName(field reflect.StructField) string {
	if name := field.Tag.Get("name"); name != "" {
		return name
	}
	var b strings.Builder
	for i, r := range field.Name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}
