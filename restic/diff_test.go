package restic

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// twoSnapshots makes snapshots with every kind of difference between them and returns
// them with their folder.
func twoSnapshots(t testing.TB) (s *Session, loc Location, from, to string) {
	t.Helper()
	s, loc, dir, _ := sampleBackup(t)
	first, _, err := s.FindSnapshot(t.Context(), "latest", SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	must(os.WriteFile(at("work/report.txt"), []byte("new figures\n"), 0o600))
	must(os.RemoveAll(at("work/deep")))
	must(os.MkdirAll(at("fresh/sub"), 0o755))
	must(os.WriteFile(at("fresh/sub/file"), []byte("fresh"), 0o600))
	must(os.Chmod(at("work/empty"), 0o400))
	must(os.Remove(at("work/Draft.TXT")))
	must(os.Mkdir(at("work/Draft.TXT"), 0o755))
	must(os.WriteFile(at("work/copy"), []byte("quarterly figures\n"), 0o600)) // known content
	second := backupAt(t, s, time.Now(), "alpha", nil, dir)
	folder := ":" + filepath.ToSlash(dir)
	return s, loc, first.ID.String() + folder, second.String() + folder
}

func TestDiffAgreesWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, from, to := twoSnapshots(t)
	for _, tc := range []struct {
		args []string
		o    DiffOptions
	}{
		{[]string{from, to}, DiffOptions{From: from, To: to}},
		{[]string{"--metadata", from, to}, DiffOptions{From: from, To: to, Metadata: true}},
		{[]string{to, from}, DiffOptions{From: to, To: from}},
		{[]string{from, from}, DiffOptions{From: from, To: from}},
	} {
		lines := bytes.Split(bytes.TrimSpace(cli.MustRun(t, cliRepo(t, loc), append([]string{"diff", "--json"}, tc.args...)...).Stdout), []byte("\n"))
		var changes []Change
		res, err := s.Diff(t.Context(), tc.o, func(c Change) error { changes = append(changes, c); return nil })
		if err != nil || len(changes) != len(lines)-1 {
			t.Errorf("%v: %d changes, want %d, %v", tc.args, len(changes), len(lines)-1, err)
			continue
		}
		for i, c := range changes {
			sameJSON(t, c.Path, c, lines[i], "message_type")
		}
		sameJSON(t, "statistics", res, lines[len(lines)-1], "message_type", "source_snapshot", "target_snapshot")
	}
	stop := errors.New("enough")
	var named []string
	name := func(a, b Snapshot) error {
		named = []string{a.ID.String(), b.ID.String()}
		return stop
	}
	compared := func(Change) error { t.Error("compared after an error"); return nil }
	for _, o := range []DiffOptions{{From: from, To: to}, {From: from[:12], To: "latest"}} {
		o.Snapshots = name
		if _, err := s.Diff(t.Context(), o, compared); !errors.Is(err, stop) || named[0] != from[:64] || named[1] != to[:64] {
			t.Errorf("%+v: %v, %v", o, named, err)
		}
	}
	if _, err := s.Diff(t.Context(), DiffOptions{From: from, To: to}, func(Change) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	for _, o := range []DiffOptions{{}, {From: from}, {From: from, To: "12345678"}, {From: from, To: to + "/none"}} {
		if _, err := s.Diff(t.Context(), o, nil); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
