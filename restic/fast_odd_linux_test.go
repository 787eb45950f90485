package restic

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness"
)

// The parent's trees may have been written by anybody who has the password. What
// does not look as restic writes it is left to restic's own decoder.
func TestFastBackupOddParents(t *testing.T) {
	harness.NotShort(t)
	base := t.TempDir()
	t.Chdir(base)
	for _, name := range []string{"a", "b", "c"} {
		sub := filepath.Join(base, "tree", "sub-"+name)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{"tree", sub} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(noise(100, uint64(len(sub)+int(name[0])))), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := lanes(t, false)
	o := BackupOptions{Paths: []string{"tree"}, Host: "host"}
	agree(t, all, base, "first", o)
	swap := func(from, to string) func(string) string {
		return func(text string) string { return strings.ReplaceAll(text, from, to) }
	}
	for name, change := range map[string]func(text string) string{
		"same":         func(text string) string { return text },
		"spaces":       swap(`,"type"`, `, "type"`),
		"no newline":   strings.TrimSpace,
		"more keys":    func(text string) string { return `{"x":1,` + text[1:] },
		"keys after":   func(text string) string { return strings.Replace(text, "]}\n", `],"y":[]}`, 1) },
		"an error":     swap(`"size":100`, `"size":100,"error":"x"`),
		"escaped name": swap(`{"name":"b"`, `{"name":"\u0062"`),
		"two names":    swap(`{"name":"b"`, `{"name":"b","name":"bb"`),
		"other order": func(text string) string {
			return strings.Replace(strings.Replace(text, `"name":"a"`, `"name":"x"`, 1), `"name":"b"`, `"name":"a"`, 1)
		},
		"twice the same":  swap(`{"name":"b"`, `{"name":"a"`),
		"not a directory": swap(`"sub-b","type":"dir"`, `"sub-b","type":"file"`),
		"no subtree":      swap(`"sub-b","type":"dir"`, `"sub-b","type":"dir","subtree":null`),
		"other types":     swap(`"name":"c","type":"file"`, `"name":"c","type":"fifo"`),
		"upper-case IDs":  func(text string) string { return upperContent(text) },
		"missing content": func(text string) string {
			return regexp.MustCompile(`"content":\["........`).ReplaceAllString(text, `"content":["deadbeef`)
		},
		"unknown tree":       swap(`"subtree":"`, `"subtree":"00`),
		"broken node":        swap(`"name":"c","type":"file"`, `"name":"c","type":7`),
		"broken removed one": swap(`{"name":"b","type":"file"`, `{"name":"aa","type":7`),
		"empty":              func(string) string { return "{\"nodes\":[]}\n" },
		"not JSON":           func(string) string { return "hello" },
		"cut":                func(text string) string { return text[:len(text)/2] },
	} {
		for _, l := range all {
			l.forge(t, change)
		}
		agree(t, all, base, name, o)
	}
}

func upperContent(text string) string {
	before, after, ok := strings.Cut(text, `"content":["`)
	if !ok {
		return text
	}
	return before + `"content":["` + strings.ToUpper(after[:64]) + after[64:]
}

// forge makes a snapshot like the newest, in which the text of the tree of "tree"
// is changed, and the one of everything below.
func (l *lane) forge(t *testing.T, change func(text string) string) {
	t.Helper()
	err := l.s.run(t.Context(), access{write: true, index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		latest := newest(t, l.s)
		var id engrestic.ID
		err := repo.WithBlobUploader(ctx, func(ctx context.Context, up engrestic.BlobSaverWithAsync) error {
			var copyTree func(tree engrestic.ID, top bool) (engrestic.ID, error)
			copyTree = func(tree engrestic.ID, top bool) (engrestic.ID, error) {
				text, err := repo.LoadBlob(ctx, engrestic.TreeBlob, tree, nil)
				if err != nil {
					return tree, err
				}
				nodes, err := engdata.NewTreeNodeIterator(bytes.NewReader(text))
				if err != nil {
					return tree, err
				}
				for n := range nodes {
					if n.Error != nil {
						return tree, n.Error
					}
					if n.Node.Subtree == nil {
						continue
					}
					sub, err := copyTree(*n.Node.Subtree, false)
					if err != nil {
						return tree, err
					}
					text = bytes.ReplaceAll(text, []byte(n.Node.Subtree.String()), []byte(sub.String()))
				}
				if !top {
					text = []byte(change(string(text)))
				}
				out, _, _, err := up.SaveBlob(ctx, engrestic.TreeBlob, text, engrestic.ID{}, false)
				return out, err
			}
			var err error
			id, err = copyTree(engrestic.ID(latest.Tree), true)
			return err
		})
		if err != nil {
			return err
		}
		sn, err := engdata.NewSnapshot(latest.Paths, nil, "host", time.Now())
		if err != nil {
			return err
		}
		sn.Tree = &id
		snID, err := engdata.SaveSnapshot(ctx, repo, sn)
		if err == nil {
			l.s.view.add(ctx, sn, snID)
		}
		return err
	})
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", l.name, err))
	}
}
