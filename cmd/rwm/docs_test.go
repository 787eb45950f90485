package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameRealCommands parses every command line of the documents with
// the parser of the program: what a reader types from there exists.
func TestDocumentsNameRealCommands(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range append(files, "../../README.md") {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		inBlock := false
		for sc := bufio.NewScanner(f); sc.Scan(); {
			line := sc.Text()
			if strings.HasPrefix(line, "```") {
				inBlock = !inBlock
			}
			if !inBlock || !strings.HasPrefix(line, "rwm ") {
				continue
			}
			checked++
			if err := parses(shellWords(line)[1:]); err != nil {
				t.Errorf("%s: %q: %v", filepath.Base(file), line, err)
			}
		}
	}
	if checked < 15 {
		t.Fatalf("only %d command lines found", checked)
	}
}

func parses(args []string) error {
	parser, err := newParser(new(cli), io.Discard, io.Discard)
	if err != nil {
		return err
	}
	ordered, err := orderArgs(parser.Model.Node, args)
	if err != nil {
		return err
	}
	_, err = parser.Parse(ordered)
	return err
}

var comment = regexp.MustCompile(`\s+#.*$`)

// shellWords is enough of a shell for the documents: words and double quotes.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(comment.ReplaceAllString(line, ""), `"`) {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
