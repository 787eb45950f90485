package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// contents reads the repository with restic itself.
func (w *diffWorld) contents(t *testing.T, repo string, n normalizer, c diffCase) any {
	read := func(args ...string) []byte {
		args = append(args, "--no-lock", "--no-cache")
		if c.password == noPassword {
			args = append(args, "--insecure-no-password")
		}
		cmd := w.command(w.restic, repo, args)
		switch c.password {
		case "":
		case noPassword:
			cmd.Env = append(cmd.Env, "RESTIC_PASSWORD=")
		default:
			cmd.Env = append(cmd.Env, "RESTIC_PASSWORD="+c.password)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Appendf(nil, "%q", fmt.Sprintf("%v: %v: %s", args, err, out))
		}
		return out
	}
	n.unordered = true
	state := map[string]any{
		"snapshots": n.json(t, read("snapshots", "--json")),
		"locks":     countFiles(t, filepath.Join(repo, "locks")),
		"keys":      countFiles(t, filepath.Join(repo, "keys")),
	}
	if strings.HasPrefix(c.args, "key ") {
		state["key owners"] = keyOwners(read("key", "list", "--json"))
	}
	if c.at != "" {
		state["config"] = w.config(read("cat", "config"))
	}
	if !c.newBlobs {
		state["blobs"] = n.lines(string(read("list", "blobs")))
	}
	return state
}

func countFiles(t *testing.T, dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(entries)
}

// config tells the format and whether the chunker is that of the base repository.
func (w *diffWorld) config(data []byte) string {
	var c struct {
		Version    int
		Polynomial string `json:"chunker_polynomial"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return string(data)
	}
	return fmt.Sprintf("version %d, base's chunker: %v", c.Version, c.Polynomial == w.polynomial)
}

func keyOwners(data []byte) any {
	var keys []struct{ UserName, HostName string }
	if err := json.Unmarshal(data, &keys); err != nil {
		return string(data)
	}
	var owners []string
	for _, k := range keys {
		owners = append(owners, k.UserName+"@"+k.HostName)
	}
	slices.Sort(owners)
	return owners
}

// cacheNames are the directories in the caches that are in dir.
func cacheNames(t *testing.T, dir string) string {
	names, err := filepath.Glob(filepath.Join(dir, "*cache", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func listFiles(t *testing.T, dir string) map[string]string {
	found := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		text := info.Mode().String()
		if !strings.HasPrefix(name, "pack-") {
			text += " " + info.ModTime().UTC().Format(time.RFC3339)
		}
		switch {
		case info.Mode().IsRegular() && filepath.Ext(name) != ".zip" && filepath.Ext(name) != ".tar":
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %d %x", len(content), content[:min(len(content), 40)])
		case info.Mode().IsRegular(): // archives and files written now
			text = fmt.Sprint(info.Mode(), info.Size())
		case info.Mode()&os.ModeSymlink != 0:
			text, err = os.Readlink(path)
		}
		found[name] = text + extras(path, info)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
