package embed

import (
	"encoding/json"
	"errors"
	"go/types"
	"reflect"
	"slices"
	"strings"
	"testing"

	resticapi "github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// notResults have an error in a field, and are never part of a result.
var notResults = []string{"restic.FileHeader", "s3versions.Retry", "s3state.Retry"}

// neverCopied hold a lock, so there are only pointers to them.
var neverCopied = []string{"s3state.Known"}

// encoding/json writes an error as {}, which cannot be read back. So each exported
// struct with an error, unless it is an event, an option or an error that is returned,
// has methods for JSON; and what writes itself also reads itself.
func TestResultsWithErrorsSurviveJSON(t *testing.T) {
	checked := 0
	for name, object := range exportedTypes(t) {
		if name == "keeper.Secret" { // written as a mask
			continue
		}
		for _, what := range []string{"JSON", "Text", "Binary"} {
			if has(object, "Marshal"+what) && !has(object, "Unmarshal"+what) && name != "restic.Snapshot" { // read field by field
				t.Errorf("%s has Marshal%s, and no Unmarshal%s", name, what, what)
			}
		}
		if has(object, "MarshalJSON") && !hasValue(object, "MarshalJSON") && !slices.Contains(neverCopied, name) {
			t.Errorf("%s is written otherwise as a value than by a pointer, and not read back", name)
		}
		st, ok := object.Type().Underlying().(*types.Struct)
		returned := has(object, "Error") && !hasValue(object, "Error")
		if !ok || returned || has(object, "event") || strings.HasSuffix(name, "Options") || slices.Contains(notResults, name) {
			continue
		}
		for f := range st.Fields() {
			if f.Exported() && f.Type().String() == "error" {
				if checked++; !has(object, "MarshalJSON") || !has(object, "UnmarshalJSON") {
					t.Errorf("%s.%s is an error, which JSON writes as {}", name, f.Name())
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d errors were found", checked)
	}
}

func hasValue(object *types.TypeName, method string) bool {
	return types.NewMethodSet(object.Type()).Lookup(object.Pkg(), method) != nil
}

// A result that a program keeps by value is read back like one behind a pointer.
func TestResultsSurviveJSONByValue(t *testing.T) {
	type kept struct{ Last resticapi.BackupResult }
	want := kept{resticapi.BackupResult{SnapshotID: resticapi.ID{1}, FilesNew: 2, ErrorCount: 3}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got kept
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v became %+v, %v\n%s", want, got, err, text)
	}
}

// What went wrong with a part is in the JSON of the whole, and is read back.
func TestFailuresSurviveJSON(t *testing.T) {
	cause := errors.New("the cause")
	items := []resticapi.ItemError{{Item: "x", Err: cause}}
	for _, result := range []any{
		&resticapi.ForgetResult{Failed: items, Unreadable: items, Prune: &resticapi.PruneResult{Failed: items}},
		&rwm.Row{Step: rwm.StepRetention, Forget: &resticapi.ForgetResult{Failed: items}, Err: cause},
		&resticapi.RestoreResult{Failed: items}, &resticapi.CopyResult{Unreadable: items},
		&resticapi.KeyInfo{User: "u", Err: cause}, &resticapi.LockInfo{PID: 3, Err: cause},
		&resticapi.CheckResult{Findings: []resticapi.Finding{{Kind: resticapi.PackMissing, Name: "n", Err: cause}}},
		&resticapi.Node{Name: "n", Type: resticapi.NodeCharDevice}, &resticapi.Node{},
		&s3state.SavedState{Key: "k", Unreadable: cause}, &s3state.BucketSummary{Name: "b", Err: cause}, &s3state.BucketSummary{Name: "b"},
		&s3state.BatchError{Failed: []s3state.KeyError{{Key: "k", Err: cause}}},
	} {
		text, err := json.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(result).Elem()).Interface()
		if err := json.Unmarshal(text, back); err != nil {
			t.Errorf("%T: %v\n%s", result, err, text)
			continue
		}
		if !reflect.DeepEqual(result, back) {
			t.Errorf("%T: %+v became %+v\n%s", result, result, back, text)
		}
	}
}
