package embed

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The Go code in the documentation for importers is right: it compiles as the body of a
// function that has what the text around it speaks of. "…" stands for what the reader
// writes; unused variables are fine in an excerpt.
func TestSnippetsCompile(t *testing.T) {
	imported := newImporter(t, "./restic", "./restic/restictest", "./rwm", "./keeper")
	block := regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	for name, least := range map[string]int{"docs/embedding.md": 3, "docs/keeper.md": 1, "README.md": 1} {
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		blocks := block.FindAllSubmatch(text, -1)
		if len(blocks) < least {
			t.Errorf("%s: only %d blocks of Go", name, len(blocks))
		}
		for i, match := range blocks {
			for _, err := range compile(imported, string(match[1])) {
				t.Errorf("%s, block %d: %v\n%s", name, i+1, err, match[1])
			}
		}
	}
	if len(compile(imported, "m, err := rwm.New(cfg, 1)")) == 0 || len(compile(imported, "rwm.NoSuchName()")) == 0 {
		t.Error("what does not compile was taken")
	}
}

func compile(imported types.Importer, snippet string) (wrong []error) {
	snippet = strings.ReplaceAll(snippet, "…", "")
	if !strings.HasPrefix(snippet, "func ") {
		snippet = "func _(ctx context.Context, cfg *rwm.Config, client *minio.Client, session *restic.Session, show func(rwm.Event)) error {\n{\n" +
			snippet + "\n}\nreturn nil\n}"
	}
	source := `package snippet
import (
	"context"
	"io/fs"
	"testing"
	"github.com/minio/minio-go/v7"
	"` + mainModule + `/keeper"
	"` + mainModule + `/restic"
	"` + mainModule + `/restic/restictest"
	"` + mainModule + `/rwm"
)
` + snippet
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "snippet.go", source, parser.SkipObjectResolution)
	if err != nil {
		return []error{fmt.Errorf("parsing: %w", err)}
	}
	config := types.Config{Importer: imported, Error: func(err error) {
		var found types.Error
		if !errors.As(err, &found) || !found.Soft {
			wrong = append(wrong, err)
		}
	}}
	_, _ = config.Check("snippet", files, []*ast.File{file}, nil) // Error has them all
	return wrong
}
