package restic

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

// TestBackupResultSurvivesJSON: every field comes back, so that a report that was kept
// as JSON says what was backed up.
func TestBackupResultSurvivesJSON(t *testing.T) {
	want := &BackupResult{}
	v := reflect.ValueOf(want).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i).Addr().Interface().(type) {
		case *ID:
			f[0] = byte(i + 1)
		case *bool:
			*f = true
		case *time.Time:
			*f = time.Date(2026, 11, 29, 12, i, 0, 0, time.UTC)
		case *uint:
			*f = uint(i)
		case *uint64:
			*f = uint64(i)
		case *int:
			*f = i
		case *[]ItemError:
			*f = []ItemError{{Item: "/a", Err: errors.New("denied")}}
		default:
			t.Fatalf("%s is of a type that this test does not know", v.Type().Field(i).Name)
		}
	}
	for _, want := range []*BackupResult{want, {}} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got BackupResult
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(&got, want) {
			t.Errorf("%v:\n%+v\n%+v", err, got, *want)
		}
	}
}
