package s3state

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Comments list the errors of a method after "Errors:". Each of them exists and is
// looked for by a test that calls the method, alone or through a function of the tests;
// and those of every call are said once, in doc.go.
func TestListedErrorsAreTested(t *testing.T) {
	lists, names, tests := readPackage(t)
	if len(lists) < 10 {
		t.Errorf("only %d methods list their errors", len(lists))
	}
	for _, problem := range untested(lists, names, tests) {
		t.Error(problem)
	}
}

// The test must find what it looks for.
func TestUntestedErrorsAreFound(t *testing.T) {
	names := map[string]bool{"ErrFull": true, "ErrLocked": true, "BatchError": true}
	tests := []map[string]bool{{"Save": true, "ErrFull": true}, {"List": true, "ErrLocked": true}}
	for want, lists := range map[string]map[string][]string{
		"":                          {"Save": {"ErrFull"}},
		"Save: no ErrGone exists":   {"Save": {"ErrFull", "ErrGone"}},
		"Save: no test expects":     {"Save": {"ErrLocked"}},
		"List: no test expects":     {"List": {"BatchError"}},
		"Save: every call can fail": {"Save": {"ErrNoBucket"}},
	} {
		if got := strings.Join(untested(lists, names, tests), "; "); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%v: %q, want %q", lists, got, want)
		}
	}
}

// ofEveryCall are what doc.go says that every call can return.
var ofEveryCall = []string{"ErrNoBucket", "ErrAccessDenied", "ErrInvalid", "ErrUnreachable"}

func untested(lists map[string][]string, names map[string]bool, tests []map[string]bool) (problems []string) {
	for method, list := range lists {
		for _, name := range list {
			switch {
			case slices.Contains(ofEveryCall, name):
				problems = append(problems, fmt.Sprintf("%s: every call can fail with %s", method, name))
			case !names[name]:
				problems = append(problems, fmt.Sprintf("%s: no %s exists", method, name))
			case !slices.ContainsFunc(tests, func(used map[string]bool) bool { return used[method] && used[name] }):
				problems = append(problems, fmt.Sprintf("%s: no test expects %s", method, name))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

var (
	errorList = regexp.MustCompile(`(?s)\bErrors: (.*?)\.(?:\n|$)`)
	errorName = regexp.MustCompile(`\bErr[A-Z]\w*|\*\w+Error\b`)
)

// readPackage returns the errors that each function lists, the names the package
// declares, and for each test the names in it and in the test functions it calls.
func readPackage(t *testing.T) (lists map[string][]string, names map[string]bool, tests []map[string]bool) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	lists, names = map[string][]string{}, map[string]bool{}
	helpers, all := map[string]map[string]bool{}, []map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		isTest := strings.HasSuffix(file.Name(), "_test.go")
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.GenDecl:
				if !isTest {
					declared(d, names)
				}
			case *ast.FuncDecl:
				if isTest {
					used := usedNames(d)
					helpers[d.Name.Name] = used
					if strings.HasPrefix(d.Name.Name, "Test") {
						all = append(all, used)
					}
				} else if m := errorList.FindStringSubmatch(d.Doc.Text()); m != nil && d.Name.IsExported() {
					for _, name := range errorName.FindAllString(m[1], -1) {
						lists[d.Name.Name] = append(lists[d.Name.Name], strings.TrimPrefix(name, "*"))
					}
				}
			}
		}
	}
	for _, used := range all {
		widen(used, helpers)
	}
	return lists, names, all
}

// widen adds to used what the test functions named in it use.
func widen(used map[string]bool, helpers map[string]map[string]bool) {
	for queue := slices.Collect(maps.Keys(used)); len(queue) > 0; queue = queue[1:] {
		for name := range helpers[queue[0]] {
			if !used[name] {
				used[name] = true
				queue = append(queue, name)
			}
		}
	}
}

func declared(d *ast.GenDecl, names map[string]bool) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			names[s.Name.Name] = true
		case *ast.ValueSpec:
			for _, name := range s.Names {
				names[name.Name] = true
			}
		}
	}
}

func usedNames(f *ast.FuncDecl) map[string]bool {
	used := map[string]bool{}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			used[id.Name] = true
		}
		return true
	})
	return used
}
