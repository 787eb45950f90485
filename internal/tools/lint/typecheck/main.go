// Command typecheck tells whether packages would compile for another system, in a tenth
// of the time: it checks their types from source and generates no code. The system is
// what GOOS and GOARCH say.
//
//	GOOS=windows typecheck PACKAGE…
//
// Of packages that these import, function bodies are not looked at.
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/packages"
)

func main() {
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedDeps | packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedModule,
		Env: append(os.Environ(), "CGO_ENABLED=0"),
	}, os.Args[1:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "typecheck:", err)
		os.Exit(2)
	}
	if len(loaded) == 0 || packages.PrintErrors(loaded) > 0 {
		os.Exit(1)
	}
}
