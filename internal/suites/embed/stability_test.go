package embed

import (
	"bytes"
	"fmt"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"
)

// stable are the packages whose API is promised to stay.
var stable = []string{"rwm", "restic", "restic/restictest", "s3state", "s3versions", "s3tool", "fusemount"}

const apiFile = "testdata/api.txt"

// Nothing that is exported is removed or changed by accident: every line of the
// committed API is still there. RWM_UPDATE_API=1 writes it anew, for a change that is
// meant; what is new is added then, too.
func TestNothingVanishesFromTheAPI(t *testing.T) {
	now := api(t)
	if os.Getenv("RWM_UPDATE_API") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(apiFile, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatal(err)
	}
	promised := 0
	for line := range strings.Lines(string(text)) {
		promised++
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(now, line) {
			t.Errorf("no longer there: %s", line)
		}
	}
	// Who implements an interface of ours no longer does when it gains a method.
	for _, line := range now {
		method, ok := strings.CutPrefix(line, "method ")
		name, _, _ := strings.Cut(method, " ")
		if dot := strings.LastIndex(name, "."); ok && dot > 0 {
			of := "type " + name[:dot] + " interface"
			if strings.Contains(string(text), of+"\n") && !strings.Contains(string(text), line+"\n") {
				t.Errorf("a promised interface has a new method: %s", line)
			}
		}
	}
	if promised < 500 {
		t.Errorf("only %d lines are promised", promised)
	}
}

// api lists everything a caller can name, a line for each.
func api(t *testing.T) (lines []string) {
	var paths []string
	for _, name := range stable {
		paths = append(paths, "./"+name)
	}
	imported := newImporter(t, paths...)
	for _, name := range stable {
		p, err := imported.Import(mainModule + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		short := func(q *types.Package) string { return strings.TrimPrefix(q.Path(), mainModule+"/") }
		for _, symbol := range p.Scope().Names() {
			if object := p.Scope().Lookup(symbol); object.Exported() {
				lines = append(lines, apiOf(object, short)...)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func apiOf(object types.Object, short types.Qualifier) (lines []string) {
	name := short(object.Pkg()) + "." + object.Name()
	typeName, ok := object.(*types.TypeName)
	if !ok {
		kind := strings.Fields(object.String())[0] // const, var or func
		return []string{fmt.Sprintf("%s %s %s", kind, name, typeText(object.Type(), short))}
	}
	if typeName.IsAlias() {
		return []string{fmt.Sprintf("type %s = %s", name, typeText(types.Unalias(object.Type()), short))}
	}
	switch u := object.Type().Underlying().(type) {
	case *types.Struct:
		lines = append(lines, "type "+name+" struct")
		for field := range u.Fields() {
			if field.Exported() {
				lines = append(lines, fmt.Sprintf("field %s.%s %s", name, field.Name(), typeText(field.Type(), short)))
			}
		}
	case *types.Interface:
		lines = append(lines, "type "+name+" interface")
		for method := range u.Methods() {
			if method.Exported() {
				lines = append(lines, fmt.Sprintf("method %s.%s %s", name, method.Name(), typeText(method.Type(), short)))
			}
		}
	default:
		lines = append(lines, fmt.Sprintf("type %s %s", name, typeText(u, short)))
	}
	methods := types.NewMethodSet(types.NewPointer(object.Type()))
	for i := range methods.Len() {
		if method := methods.At(i).Obj(); method.Exported() && !types.IsInterface(object.Type()) {
			lines = append(lines, fmt.Sprintf("method %s.%s %s", name, method.Name(), typeText(method.Type(), short)))
		}
	}
	return lines
}

// typeText writes a type without names of parameters, which may change.
func typeText(t types.Type, short types.Qualifier) string {
	if signature, ok := t.(*types.Signature); ok {
		unnamed := func(tuple *types.Tuple) *types.Tuple {
			var vars []*types.Var
			for v := range tuple.Variables() {
				vars = append(vars, types.NewVar(v.Pos(), v.Pkg(), "", v.Type()))
			}
			return types.NewTuple(vars...)
		}
		t = types.NewSignatureType(nil, nil, nil, unnamed(signature.Params()), unnamed(signature.Results()), signature.Variadic())
	}
	var text bytes.Buffer
	types.WriteType(&text, t, short)
	return text.String()
}
