package embed

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	mainModule = "github.com/cesnet/rwm"
	linkModule = "github.com/restic/restic/rwmlink"
	restic     = "github.com/restic/restic"
)

// layers says which packages of ours a package may import, itself and everything
// below it included. Packages of internal/ that are not named take no part in the
// library.
var layers = map[string][]string{
	"keeper":               {"rwm", "s3state", "restic", "internal/readfile", "internal/plural", "internal/printable", "internal/redact", "internal/s3config", "internal/events", "internal/ahead"},
	"rwm":                  {"fusemount", "s3state", "s3versions", "restic", "internal/resticflags", "internal/s3err", "internal/events", "internal/suggest", "internal/readfile", "internal/plural", "internal/reqctx", "internal/s3config", "internal/ahead"},
	"fusemount":            {"restic", "internal/blobload"},
	"s3state":              {"s3versions", "internal/buckets", "internal/reqctx", "internal/s3err", "internal/events", "internal/objectlist", "internal/plural", "internal/errjson"},
	"s3tool":               {"s3versions", "internal/buckets", "internal/reqctx", "internal/s3err", "internal/events", "internal/readfile"},
	"s3versions":           {"internal/reqctx", "internal/s3err"},
	"restic":               {"s3versions", "internal/blobload", "internal/buckets", "internal/reqctx", "internal/s3err", "internal/events", "internal/objectlist", "internal/readfile", "internal/plural", "internal/printable", "internal/errjson"},
	"internal/buckets":     {"internal/s3err"},
	"internal/reqctx":      {},
	"internal/s3err":       {},
	"internal/resticflags": {"restic", "internal/suggest", "internal/readfile"},
	"internal/errjson":     {},
	"internal/events":      {},
	"internal/blobload":    {},
	"internal/objectlist":  {},
	"internal/suggest":     {},
	"internal/readfile":    {},
	"internal/plural":      {},
	"internal/printable":   {},
	"internal/redact":      {},
	"internal/s3config":    {},
	"internal/ahead":       {},
}

// mayLink are the packages that may import restic's linked internals.
var mayLink = []string{"restic", "fusemount"}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Module     *struct{ Path string }
}

func list(t *testing.T, args ...string) (packages []goPackage) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Deps,Module"}, args...)...)
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// Imports point one way: cmd/rwm → {keeper, rwm}, keeper → rwm, rwm → {fusemount,
// s3state, restic}, restic → restic/link, and {s3state, s3tool} → s3versions.
func TestImportDirection(t *testing.T) {
	for layer, below := range layers {
		for _, p := range list(t, "./"+layer+"/...") {
			for _, path := range p.Imports {
				name, ours := strings.CutPrefix(path, mainModule+"/")
				if ours && !slices.ContainsFunc(append(below, layer), func(allowed string) bool {
					return name == allowed || strings.HasPrefix(name, allowed+"/")
				}) {
					t.Errorf("%s imports %s", p.ImportPath, path)
				}
				if strings.HasPrefix(path, linkModule) && !slices.Contains(mayLink, layer) {
					t.Errorf("%s imports %s", p.ImportPath, path)
				}
				if strings.HasPrefix(path, restic+"/") && !strings.HasPrefix(path, linkModule) {
					t.Errorf("%s imports %s past the link", p.ImportPath, path)
				}
			}
		}
	}
}

// Only the command line may need what the command line is made of, and nobody
// who imports the library gets the test server, rclone or restic's own front end.
func TestImportersGetNoMoreThanTheyNeed(t *testing.T) {
	unwanted := []string{
		"github.com/rclone/", "github.com/versity/", "github.com/schollz/", "github.com/jedib0t/",
		"github.com/willabides/", "github.com/alecthomas/", restic + "/internal/global", restic + "/cmd/", restic + "/internal/fuse", restic + "/internal/backend/all",
	}
	telling := []string{"github.com/nicholas-fedor/", "github.com/prometheus/"} // keeper/notify and keeper/metrics have these to themselves
	for _, layer := range []string{"rwm", "restic", "s3state", "s3versions", "s3tool", "fusemount", "keeper"} {
		unwanted := append(unwanted, telling...)
		if layer != "keeper" {
			unwanted = append(unwanted, "github.com/gabriel-vasile/")
		}
		for _, p := range list(t, "./"+layer) {
			for _, path := range p.Deps {
				for _, prefix := range unwanted {
					if path == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix) {
						t.Errorf("%s depends on %s", p.ImportPath, path)
					}
				}
			}
		}
	}
}
