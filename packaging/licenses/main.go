// Command licenses prints the licences of everything that is linked into rwm: its own,
// Go's, and that of each module on any of the targets given as OS/ARCH (none: this
// system). They have to be passed on with a binary.
//
//	go run ./packaging/licenses linux/amd64 darwin/arm64 >LICENSES.txt
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const golang = "Go, its standard library"

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := run(out, os.Args[1:])
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, targets []string) error {
	root, err := goCommand(nil, "env", "GOROOT")
	if err != nil {
		return err
	}
	// Where the licences are, by the name of what they are for.
	dirs := map[string]string{golang: strings.TrimSpace(root)}
	if len(targets) == 0 {
		targets = []string{""}
	}
	for _, target := range targets {
		var env []string
		if target != "" {
			system, arch, ok := strings.Cut(target, "/")
			if !ok {
				return fmt.Errorf("%q is not OS/ARCH", target)
			}
			env = []string{"GOOS=" + system, "GOARCH=" + arch}
		}
		// restic's link module is a part of this source.
		list, err := goCommand(env, "list", "-deps", "-f", "{{with .Module}}{{if not (or .Main .Replace)}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/rwm")
		if err != nil {
			return err
		}
		for line := range strings.Lines(list) {
			if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				dirs[module] = dir
			}
		}
	}
	// Distributions take the licence out of their Go; its authors' modules have the
	// same.
	if _, err := texts(dirs[golang]); err != nil {
		for module, dir := range dirs {
			if strings.HasPrefix(module, "golang.org/x/sys ") {
				dirs[golang] = dir
			}
		}
	}

	own, err := texts(".")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n\nrwm is linked with what is listed below. The source of each module is where its name\npoints to, and with Go's module proxies: go mod download -json MODULE@VERSION\n", own)
	// Many have the same text: each is printed once.
	users := map[string][]string{}
	for _, module := range slices.Sorted(maps.Keys(dirs)) {
		text, err := texts(dirs[module])
		if err != nil {
			return fmt.Errorf("%s: %w", module, err)
		}
		users[text] = append(users[text], module)
	}
	for _, text := range slices.SortedFunc(maps.Keys(users), func(a, b string) int { return slices.Compare(users[a], users[b]) }) {
		fmt.Fprintf(out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(users[text], "\n"), text)
	}
	return nil
}

// isLicense matches the files that are licences or have to go with one.
var isLicense = regexp.MustCompile(`(?i)^((un)?licen[sc]e|copying|notice|patents)`)

// texts are the licences in a directory. None at all is an error for a person to look
// at.
func texts(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() || !isLicense.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		all = append(all, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
	}
	if len(all) == 0 {
		return "", fmt.Errorf("no licence in %s", dir)
	}
	return strings.Join(all, "\n\n"), nil
}

func goCommand(env []string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, stderr.String())
	}
	return string(out), nil
}
