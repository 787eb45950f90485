package embed

import (
	"go/token"
	"go/types"
	"reflect"
	"strings"
	"testing"
)

// A time.Duration becomes nanoseconds in JSON. A result holds seconds instead, as a
// number whose name says so: Seconds, AheadSeconds.
func TestResultsHoldSeconds(t *testing.T) {
	checked := 0
	for name, object := range exportedTypes(t) {
		checked++
		for _, field := range nanoseconds(object) {
			t.Errorf("%s.%s is a time.Duration, which JSON writes in nanoseconds", name, field)
		}
	}
	if checked < 200 {
		t.Errorf("only %d types were looked at", checked)
	}
}

// nanoseconds lists the fields of a type that JSON would write in nanoseconds. Options
// and events never become JSON, nor does what holds a function, or an error that it
// does not write itself.
func nanoseconds(object *types.TypeName) (fields []string) {
	st, ok := object.Type().Underlying().(*types.Struct)
	if !ok || strings.HasSuffix(object.Name(), "Options") || has(object, "event") {
		return nil
	}
	for i := range st.NumFields() {
		switch f := st.Field(i); f.Type().Underlying().(type) {
		case *types.Signature:
			return nil
		default:
			name := reflect.StructTag(st.Tag(i)).Get("json")
			if f.Type().String() == "error" && name == "" && !has(object, "MarshalJSON") {
				return nil
			}
			if f.Exported() && name != "-" && strings.HasSuffix(f.Type().String(), "time.Duration") {
				fields = append(fields, f.Name())
			}
		}
	}
	return fields
}

func has(object *types.TypeName, method string) bool {
	found, _, _ := types.LookupFieldOrMethod(object.Type(), true, object.Pkg(), method)
	_, is := found.(*types.Func)
	return is
}

// The rule finds what it is for, in a pointer and a slice too, and nothing else.
func TestNanosecondsAreFound(t *testing.T) {
	pkg := types.NewPackage(mainModule+"/restic", "restic")
	duration := types.NewNamed(types.NewTypeName(token.NoPos, types.NewPackage("time", "time"), "Duration", nil), types.Typ[types.Int64], nil)
	failure := types.Universe.Lookup("error").Type()
	for _, c := range []struct {
		name   string
		field  types.Type
		tag    string
		beside types.Type
		want   int
	}{
		{"Result", duration, "", types.Typ[types.Int], 1},
		{"Result", duration, `json:"took"`, types.Typ[types.Int], 1},
		{"Result", types.NewPointer(duration), "", types.Typ[types.Int], 1},
		{"Result", types.NewSlice(duration), "", types.Typ[types.Int], 1},
		{"Result", duration, `json:"-"`, types.Typ[types.Int], 0},
		{"Result", duration, "", failure, 0},
		{"DropOptions", duration, "", types.Typ[types.Int], 0},
		{"Result", types.Typ[types.Float64], "", types.Typ[types.Int], 0},
	} {
		fields := []*types.Var{types.NewField(token.NoPos, pkg, "Beside", c.beside, false), types.NewField(token.NoPos, pkg, "Took", c.field, false)}
		object := types.NewTypeName(token.NoPos, pkg, c.name, nil)
		types.NewNamed(object, types.NewStruct(fields, []string{"", c.tag}), nil)
		if found := nanoseconds(object); len(found) != c.want {
			t.Errorf("%s with a %s %s beside a %s: found %q", c.name, c.field, c.tag, c.beside, found)
		}
	}
}
