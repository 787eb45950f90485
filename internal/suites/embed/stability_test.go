package embed

import (
	"bytes"
	"errors"
	"fmt"
	"go/types"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
)

// stable are the packages whose API is promised to stay.
var stable = []string{
	"rwm", "restic", "restic/restictest", "s3state", "s3versions", "s3tool", "fusemount", "rcc",
	"keeper", "keeper/metrics", "keeper/notify", "keeper/page", "keeper/signs",
}

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
	if promised := strings.Count(string(text), "\n"); promised < 500 {
		t.Errorf("only %d lines are promised", promised)
	}
	for _, broken := range brokenPromises(string(text), now) {
		t.Error(broken.what)
	}
}

// What the last release exported is still there. Before v1 it may change, and the
// changelog says so.
func TestNothingVanishesSinceTheLastTag(t *testing.T) {
	tag, old := lastAPI(t, root(t))
	if tag == "" {
		t.Skip("no tag vX.Y.Z leads to this commit, or its history is not here")
	}
	changelog, err := os.ReadFile(filepath.Join(root(t), "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range sinceTag(tag, old, api(t), string(changelog)) {
		t.Error(broken)
	}
}

// sinceTag lists what the API of a tag promised, is broken, and may not be. A name that
// the part of the changelog about what is not released yet has in backquotes may be,
// before v1.
func sinceTag(tag, old string, now []string, changelog string) (wrong []string) {
	_, unreleased, _ := strings.Cut(changelog, "\n## Unreleased\n")
	unreleased, _, _ = strings.Cut(unreleased, "\n## ")
	for _, broken := range brokenPromises(old, now) {
		_, name, _ := strings.Cut(broken.name, "/") // restic/restictest.World
		if name == "" {
			name = broken.name
		}
		if !strings.HasPrefix(tag, "v0.") || !strings.Contains(unreleased, "`"+name+"`") {
			wrong = append(wrong, fmt.Sprintf("since %s, and %s is not in CHANGELOG.md: %s", tag, name, broken.what))
		}
	}
	return wrong
}

// lastAPI is the committed API of the last version that leads to the commit in dir. The
// tag is "" if there is none.
func lastAPI(t *testing.T, dir string) (tag, api string) {
	t.Helper()
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
		return strings.TrimSuffix(string(out), "\n"), err
	}
	tag, err := git("describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "HEAD")
	if err != nil {
		return "", ""
	}
	if api, err = git("show", tag+":internal/suites/embed/"+apiFile); err != nil {
		t.Fatalf("the API of %s: %v", tag, err)
	}
	return tag, api
}

type brokenPromise struct{ name, what string }

// brokenPromises lists what of a promised API is gone or different.
func brokenPromises(promised string, now []string) (broken []brokenPromise) {
	name := func(line string) string {
		_, rest, _ := strings.Cut(line, " ")
		name, _, _ := strings.Cut(rest, " ")
		return name
	}
	for line := range strings.Lines(promised) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(now, line) {
			broken = append(broken, brokenPromise{name(line), "no longer there: " + line})
		}
	}
	// Who implements an interface of ours no longer does when it gains a method.
	for _, line := range now {
		method := name(line)
		dot := strings.LastIndex(method, ".")
		if !strings.HasPrefix(line, "method ") || dot < 0 {
			continue
		}
		of := "type " + method[:dot] + " interface"
		if strings.Contains(promised, of+"\n") && !strings.Contains(promised+"\n", line+"\n") {
			broken = append(broken, brokenPromise{method, "a promised interface has a new method: " + line})
		}
	}
	return broken
}

// The comparison with a tag finds what it looks for.
func TestComparisonWithATag(t *testing.T) {
	harness.NeedPrograms(t, "install git", "git")
	dir := t.TempDir()
	file := filepath.Join(dir, "internal/suites/embed", apiFile)
	old := "func rwm.New func()\ntype rwm.Event interface\nmethod rwm.Event.Old func()\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(old), 0o644)); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "one")
	if tag, _ := lastAPI(t, dir); tag != "" {
		t.Errorf("tag %q before there is one", tag)
	}
	git("tag", "v0.9.0")
	git("tag", "restic/link/v0.9.1") // another module's
	if err := os.WriteFile(file, []byte("later"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-qam", "two")
	tag, promised := lastAPI(t, dir)
	if tag != "v0.9.0" || promised+"\n" != old {
		t.Fatalf("%q %q", tag, promised)
	}
	now := []string{"type rwm.Event interface", "method rwm.Event.Old func()", "method rwm.Event.New func()"}
	const named = "# Changelog\n\n## Unreleased\n\n- `rwm.New` and `rwm.Event.New` changed.\n\n## 0.9.0\n"
	const late = "# Changelog\n\n## Unreleased\n\n- Faster.\n\n## 0.9.0\n\n- `rwm.New` and `rwm.Event.New` changed.\n"
	for _, test := range []struct {
		tag, changelog string
		want           int
	}{{"v0.9.0", named, 0}, {"v0.9.0", late, 2}, {"v1.0.0", named, 2}} {
		if got := sinceTag(test.tag, promised, now, test.changelog); len(got) != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
	if got := sinceTag("v1.0.0", promised, append(strings.Split(promised, "\n"), "func rwm.More func()"), late); len(got) != 0 {
		t.Errorf("nothing is broken: %q", got)
	}
}

// exported iterates over what the public packages export, with names like restic.Node.
func exported(t *testing.T) iter.Seq2[string, types.Object] {
	var paths []string
	for _, name := range stable {
		paths = append(paths, "./"+name)
	}
	imported := newImporter(t, paths...)
	return func(yield func(string, types.Object) bool) {
		for _, name := range stable {
			p, err := imported.Import(mainModule + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			for _, symbol := range p.Scope().Names() {
				if object := p.Scope().Lookup(symbol); object.Exported() && !yield(name+"."+symbol, object) {
					return
				}
			}
		}
	}
}

// exportedTypes iterates over the types among them.
func exportedTypes(t *testing.T) iter.Seq2[string, *types.TypeName] {
	return func(yield func(string, *types.TypeName) bool) {
		for name, object := range exported(t) {
			if object, ok := object.(*types.TypeName); ok && !yield(name, object) {
				return
			}
		}
	}
}

// api lists everything a caller can name, a line for each.
func api(t *testing.T) (lines []string) {
	short := func(q *types.Package) string { return strings.TrimPrefix(q.Path(), mainModule+"/") }
	for _, object := range exported(t) {
		lines = append(lines, apiOf(object, short)...)
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
