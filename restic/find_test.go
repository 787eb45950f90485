package restic

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestFindAgreesWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, from, to := twoSnapshots(t)
	var data, tree Object
	if err := s.ListObjects(t.Context(), ObjectBlob, func(o Object) error {
		if o.Blob == BlobData {
			data = o
		} else {
			tree = o
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	first := strings.Split(from, ":")[0]
	year := time.Now().Add(-365 * 24 * time.Hour)
	for _, tc := range []struct {
		args []string
		o    FindOptions
	}{
		{[]string{"*.txt"}, FindOptions{Patterns: []string{"*.txt"}}},
		{[]string{"-i", "*.TxT", "note*"}, FindOptions{IgnoreCase: true, Patterns: []string{"*.TxT", "note*"}}},
		{[]string{"-s", first, "work"}, FindOptions{Patterns: []string{"work"}, Filter: SnapshotFilter{IDs: []string{first}}}},
		{[]string{"--reverse", "--newest", year.Format("2006-01-02 15:04:05"), "*"}, FindOptions{OldestFirst: true, Newest: year, Patterns: []string{"*"}}},
		{[]string{"--oldest", year.Format("2006-01-02 15:04:05"), "report.txt"}, FindOptions{Oldest: year, Patterns: []string{"report.txt"}}},
		{[]string{"nothing-has-this-name"}, FindOptions{Patterns: []string{"nothing-has-this-name"}}},
		{[]string{"--blob", data.ID.Short()}, FindOptions{Blobs: []string{data.ID.Short()}}},
		{[]string{"--tree", tree.ID.String()}, FindOptions{Trees: []string{tree.ID.String()}}},
		{[]string{"--pack", data.Pack.String()}, FindOptions{Packs: []string{data.Pack.String()}}},
		{[]string{"--pack", tree.Pack.Short()}, FindOptions{Packs: []string{tree.Pack.Short()}}},
	} {
		raw := cli.MustRun(t, cliRepo(t, loc), append([]string{"find", "--json"}, tc.args...)...).Stdout
		want := flatFinds(t, raw)
		var got []string
		if err := s.Find(t.Context(), tc.o, func(f Found) error {
			if f.Node != nil {
				got = append(got, f.Snapshot.ID.String()+" "+f.Path)
			} else {
				kind := map[BlobType]string{BlobData: "blob", BlobTree: "tree"}[f.Blob.Type]
				parent := ""
				if kind == "blob" {
					parent = f.Tree.String()
				}
				got = append(got, strings.Join([]string{f.Snapshot.ID.String(), kind, f.Blob.ID.String(), f.Path, parent}, " "))
			}
			return nil
		}); err != nil {
			t.Errorf("%v: %v", tc.args, err)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v: got\n%s\nwant\n%s", tc.args, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if len(want) == 0 && tc.args[0] != "nothing-has-this-name" {
			t.Errorf("%v finds nothing", tc.args)
		}
	}
	_ = to
}

// flatFinds makes lines of what restic prints.
func flatFinds(t *testing.T, raw []byte) (lines []string) {
	t.Helper()
	var list []struct {
		Matches    []struct{ Path string }
		Snapshot   string
		ObjectType string `json:"object_type"`
		ID         string
		Path       string
		ParentTree string `json:"parent_tree"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	for _, e := range list {
		if e.ObjectType != "" {
			lines = append(lines, strings.Join([]string{e.Snapshot, e.ObjectType, e.ID, e.Path, e.ParentTree}, " "))
		}
		for _, m := range e.Matches {
			lines = append(lines, e.Snapshot+" "+m.Path)
		}
	}
	return lines
}

func TestFindGoesOnPastADamagedTree(t *testing.T) {
	s, loc, dir, _ := sampleBackup(t)
	work := filepath.Join(dir, "work")
	backupAt(t, s, time.Now(), "beta", nil, work)
	_, trees := packs(t, s, loc)
	// the first pack holds the trees of the first snapshot only
	for _, file := range trees {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 3000 {
			damage(t, file, flip)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := openAgain(t, loc)
	found, warned := 0, 0
	err := other.Find(t.Context(), FindOptions{Patterns: []string{"report.txt"}, OnEvent: func(ev Event) {
		if _, ok := ev.(Warning); ok {
			warned++
		}
	}}, func(Found) error { found++; return nil })
	if !errors.Is(err, ErrDamaged) || warned == 0 {
		t.Errorf("%d found, %d warnings, %v", found, warned, err)
	}
	for _, o := range []FindOptions{{}, {Patterns: []string{"a"}, Blobs: []string{"b"}}, {Patterns: []string{"[a"}}, {Packs: []string{"12345678"}},
		{Patterns: []string{"a"}, Oldest: time.Now(), Newest: time.Unix(0, 0)}} {
		if err := other.Find(t.Context(), o, func(Found) error { return nil }); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
