package embed

import (
	"bytes"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// No type of restic's own packages, under any alias, shows in what the library
// exports: they may change with every release of restic.
func TestExportedAPIHasNoTypesOfRestic(t *testing.T) {
	imported := newImporter(t, "./restic", "./rwm", "./s3state", "./fusemount")
	for _, name := range []string{"restic", "rwm", "s3state", "fusemount"} {
		p, err := imported.Import(mainModule + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		walk := &apiWalk{seen: map[types.Type]bool{}}
		for _, symbol := range p.Scope().Names() {
			if object := p.Scope().Lookup(symbol); object.Exported() {
				walk.object(object, name+"."+symbol)
			}
		}
		if walk.checked == 0 {
			t.Errorf("package %s exports nothing, so nothing was checked", name)
		}
		for _, leak := range walk.leaks {
			t.Error(leak)
		}
	}
}

// The walk must find what it looks for.
func TestAPIWalkFindsLeaks(t *testing.T) {
	foreign := types.NewPackage(restic+"/internal/data", "data")
	leak := types.NewNamed(types.NewTypeName(token.NoPos, foreign, "Snapshot", nil), types.NewStruct(nil, nil), nil)
	ours := types.NewPackage(mainModule+"/restic", "restic")
	field := types.NewField(token.NoPos, ours, "Deep", types.NewMap(types.Typ[types.String], types.NewPointer(leak)), false)
	hidden := types.NewField(token.NoPos, ours, "hidden", leak, false)
	for want, fields := range map[int][]*types.Var{1: {field}, 0: {hidden}} {
		options := types.NewNamed(types.NewTypeName(token.NoPos, ours, "Options", nil), types.NewStruct(fields, nil), nil)
		argument := types.NewVar(token.NoPos, ours, "o", types.NewSlice(options))
		function := types.NewFunc(token.NoPos, ours, "Do", types.NewSignatureType(nil, nil, nil, types.NewTuple(argument), nil, false))
		walk := &apiWalk{seen: map[types.Type]bool{}}
		walk.object(function, "restic.Do")
		if len(walk.leaks) != want {
			t.Errorf("found %q, want %d leaks", walk.leaks, want)
		}
	}
}

// apiWalk follows everything a caller can reach from an exported name.
type apiWalk struct {
	seen    map[types.Type]bool
	checked int
	leaks   []string
}

func (w *apiWalk) object(object types.Object, where string) {
	w.checked++
	w.typ(object.Type(), where)
	if name, ok := object.(*types.TypeName); ok && !name.IsAlias() {
		w.typ(object.Type().Underlying(), where)
	}
}

func (w *apiWalk) typ(t types.Type, where string) {
	if t == nil || w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		w.typ(types.Unalias(t), where)
	case *types.Named:
		w.named(t, where)
	case *types.Pointer:
		w.typ(t.Elem(), where)
	case *types.Slice:
		w.typ(t.Elem(), where+"[]")
	case *types.Array:
		w.typ(t.Elem(), where+"[]")
	case *types.Chan:
		w.typ(t.Elem(), where)
	case *types.Map:
		w.typ(t.Key(), where+"[key]")
		w.typ(t.Elem(), where+"[]")
	case *types.Signature:
		for v := range t.Params().Variables() {
			w.typ(v.Type(), where+"("+v.Name()+")")
		}
		for v := range t.Results().Variables() {
			w.typ(v.Type(), where+"() "+v.Name())
		}
	case *types.Struct:
		for field := range t.Fields() {
			if field.Exported() || field.Embedded() {
				w.typ(field.Type(), where+"."+field.Name())
			}
		}
	case *types.Interface:
		for method := range t.Methods() {
			if method.Exported() {
				w.typ(method.Type(), where+"."+method.Name())
			}
		}
	}
}

func (w *apiWalk) named(t *types.Named, where string) {
	p := t.Obj().Pkg()
	switch {
	case p == nil:
	case strings.HasPrefix(p.Path(), restic+"/"):
		w.leaks = append(w.leaks, fmt.Sprintf("%s is a %s.%s", where, p.Path(), t.Obj().Name()))
	case strings.HasPrefix(p.Path(), mainModule+"/"):
		for i := range t.NumMethods() {
			if method := t.Method(i); method.Exported() {
				w.typ(method.Type(), where+"."+method.Name())
			}
		}
		w.typ(t.Underlying(), where)
		for argument := range t.TypeArgs().Types() {
			w.typ(argument, where)
		}
	}
}

// newImporter reads the packages' export data, as the go command has it.
func newImporter(t *testing.T, packages ...string) types.Importer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, packages...)...)
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			files[path] = file
		}
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(files[path])
	})
}
