package restic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestForgetAgreesWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, _ := manySnapshots(t)
	repo := cliRepo(t, loc)
	duration := func(text string) Duration {
		d, err := ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tc := range []struct {
		args string
		o    ForgetOptions
	}{
		{"--keep-last 2", ForgetOptions{Policy: Policy{Last: 2}}},
		{"--keep-hourly 3 --keep-daily 4", ForgetOptions{Policy: Policy{Hourly: 3, Daily: 4}}},
		{"--keep-weekly 2 --keep-monthly unlimited", ForgetOptions{Policy: Policy{Weekly: 2, Monthly: KeepAll}}},
		{"--keep-yearly 1 --keep-tag weekly,base --keep-tag base", ForgetOptions{Policy: Policy{Yearly: 1, Tags: []TagList{{"weekly", "base"}, {"base"}}}}},
		{"--keep-within 10d12h", ForgetOptions{Policy: Policy{Within: duration("10d12h")}}},
		{"--keep-within-hourly 2d --keep-within-daily 9d --keep-within-weekly 1m --keep-within-monthly 2m --keep-within-yearly 1y",
			ForgetOptions{Policy: Policy{WithinHourly: duration("2d"), WithinDaily: duration("9d"), WithinWeekly: duration("1m"),
				WithinMonthly: duration("2m"), WithinYearly: duration("1y")}}},
		{"--keep-last 1 --group-by tags", ForgetOptions{Policy: Policy{Last: 1}, GroupBy: GroupByTags}},
		{"--keep-last 3 --group-by=", ForgetOptions{Policy: Policy{Last: 3}, GroupBy: GroupByNone}},
		{"--keep-last 1 --host beta --tag weekly", ForgetOptions{Policy: Policy{Last: 1}, Filter: SnapshotFilter{Hosts: []string{"beta"}, Tags: []TagList{{"weekly"}}}}},
		{"--unsafe-allow-remove-all --host beta", ForgetOptions{AllowRemoveAll: true, Filter: SnapshotFilter{Hosts: []string{"beta"}}}},
	} {
		want := cli.MustRun(t, repo, append([]string{"forget", "--no-lock", "--dry-run", "--json"}, strings.Fields(tc.args)...)...)
		tc.o.DryRun = true
		got, err := s.Forget(t.Context(), tc.o)
		if err != nil {
			t.Errorf("%s: %v", tc.args, err)
			continue
		}
		var groups []json.RawMessage
		if err := json.Unmarshal(want.Stdout, &groups); err != nil {
			t.Fatal(err)
		}
		sortGroups := func(list []any) {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(groupName(a), groupName(b)) })
		}
		w := normalJSON(t, want.Stdout, nil).([]any)
		g := normalJSON(t, got.Groups, nil).([]any)
		sortGroups(w)
		sortGroups(g)
		sameJSON(t, tc.args, g, w)
		removed := 0
		for _, group := range got.Groups {
			removed += len(group.Remove)
		}
		if removed != len(got.Removed) {
			t.Errorf("%s: %d removed, %d in the groups", tc.args, len(got.Removed), removed)
		}
	}
	if list, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil || len(list) != 30 {
		t.Errorf("dry runs left %d snapshots, %v", len(list), err)
	}
}

func groupName(v any) string {
	m := v.(map[string]any)
	raw, _ := json.Marshal([]any{m["host"], m["paths"], m["tags"]})
	return string(raw)
}

func TestForgetRemoves(t *testing.T) {
	s, loc, _ := manySnapshots(t)
	var seen []ID
	res, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, OnEvent: func(ev Event) {
		if e, ok := ev.(SnapshotRemoved); ok {
			seen = append(seen, e.ID)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	left, err := openAgain(t, loc, WithoutLock()).Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(left) != len(res.Groups) || len(left)+len(res.Removed) != 30 || len(seen) != len(res.Removed) {
		t.Errorf("%d groups, %d snapshots left, %d removed, %d reported, %v", len(res.Groups), len(left), len(res.Removed), len(seen), err)
	}
	for _, sn := range left {
		if slices.Contains(res.Removed, sn.ID) {
			t.Errorf("%v is still there", sn.ID)
		}
	}
	one := left[0].ID
	res, err = s.Forget(t.Context(), ForgetOptions{Filter: SnapshotFilter{IDs: []string{one.Short()}}})
	if err != nil || len(res.Removed) != 1 || res.Removed[0] != one || res.Groups != nil {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestForgetRefuses(t *testing.T) {
	s, _, _ := manySnapshots(t)
	for name, o := range map[string]ForgetOptions{
		"nothing given":         {},
		"remove all, no filter": {AllowRemoveAll: true},
		"negative count":        {Policy: Policy{Last: -2}},
		"negative duration":     {Policy: Policy{Within: Duration{Days: -1}}},
		"latest":                {Policy: Policy{Last: 1}, Filter: SnapshotFilter{Latest: 1}},
		"keeps none":            {Policy: Policy{Tags: []TagList{{"nosuchtag"}}}},
		"unknown snapshot":      {Filter: SnapshotFilter{IDs: []string{"latest", strings.Repeat("12", 32)}}},
		"folder":                {Filter: SnapshotFilter{IDs: []string{"latest:/etc"}}},
		"bad prune":             {Policy: Policy{Last: 1}, Prune: &PruneOptions{MaxUnused: UnusedPercent(100)}},
	} {
		if _, err := s.Forget(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if list, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil || len(list) != 30 {
		t.Errorf("%d snapshots left, %v", len(list), err)
	}
}

func TestForgetListsWhatItCouldNotRemove(t *testing.T) {
	s, loc, _ := manySnapshots(t)
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	stuck := list[0].ID
	other, err := Open(t.Context(), &faultyLocation{Location: loc, failRemove: stuck.String()}, testPassword, WithoutCache(), WithRetryFor(0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := other.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, GroupBy: GroupByNone, Prune: &PruneOptions{}})
	var failed *RemoveError
	if !errors.As(err, &failed) || ExitCode(err) != 3 || !errors.Is(err, errInjected) {
		t.Fatalf("error %v, exit code %d", err, ExitCode(err))
	}
	if len(res.Failed) != 1 || res.Failed[0].Item != stuck.String() || len(res.Removed) != 28 || res.Prune != nil {
		t.Errorf("%d failed, %d removed, prune %v", len(res.Failed), len(res.Removed), res.Prune)
	}
	left, err := other.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(left) != 2 {
		t.Errorf("%s left, %v", shortIDs(left), err)
	}
}

func TestForgetCancelled(t *testing.T) {
	s, loc, _ := manySnapshots(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := len(objects(t, loc, "snapshots")); n != 30 {
		t.Errorf("%d snapshots left", n)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]Duration{
		"": {}, "3h": {Hours: 3}, "1y5m7d2h": {Years: 1, Months: 5, Days: 7, Hours: 2}, " 30d ": {Days: 30},
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%q written as %q: %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"5", "d", "5x", "-1d", "99999999999999999999d", "1d 2h"} {
		if _, err := ParseDuration(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	f.Add("1y5m7d2h")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		_ = d.IsZero()
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%q: %v, written and read %v, %v", text, d, again, err)
		}
		_ = time.Now().AddDate(-d.Years, -d.Months, -d.Days)
	})
}

// What is named and not there is left out if asked for; none left is not the same as
// none named, which would be all.
func TestIgnoreMissing(t *testing.T) {
	s, _, _, _ := sampleBackup(t)
	only, _, err := s.FindSnapshot(t.Context(), "latest", SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	listen := func(ev Event) {
		if w, ok := ev.(Warning); ok {
			warnings = append(warnings, fmt.Sprintf("%s: %v", w.Text, w.Err))
		}
	}
	missing := SnapshotFilter{IDs: []string{"12345678", only.ID.String()[:12] + "xyz"}, IgnoreMissing: true}
	if res, err := s.Tag(t.Context(), TagOptions{Filter: missing, Add: []string{"x"}, OnEvent: listen}); err != nil || len(res.Changed) != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if res, err := s.Forget(t.Context(), ForgetOptions{Filter: missing, OnEvent: listen}); err != nil || len(res.Removed) != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if len(warnings) != 4 || !strings.HasPrefix(warnings[0], `Ignoring "12345678": no such snapshot`) {
		t.Errorf("warnings: %q", warnings)
	}
	missing.IDs = append(missing.IDs, only.ID.Short())
	if res, err := s.Forget(t.Context(), ForgetOptions{Filter: missing}); err != nil || len(res.Removed) != 1 || res.Removed[0] != only.ID {
		t.Errorf("%+v, %v", res, err)
	}
}
