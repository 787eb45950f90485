package rwm

import (
	"errors"
	"reflect"
	"testing"

	"github.com/cesnet/rwm/restic"
)

func TestRetentionPolicy(t *testing.T) {
	got, err := Retention{
		"keep-last": "1", "keep-hourly": "2", "keep-daily": "3", "keep-weekly": "unlimited", "keep-monthly": "-1", "keep-yearly": "0",
		"keep-within": "1y2m3d4h", "keep-within-hourly": "5h", "keep-within-daily": "6d", "keep-within-weekly": "7m",
		"keep-within-monthly": "8y", "keep-within-yearly": "9y", "keep-tag": "a,b",
	}.Policy()
	if err != nil {
		t.Fatal(err)
	}
	want := restic.Policy{
		Last: 1, Hourly: 2, Daily: 3, Weekly: restic.KeepAll, Monthly: restic.KeepAll, Yearly: 0,
		Within:       restic.Duration{Years: 1, Months: 2, Days: 3, Hours: 4},
		WithinHourly: restic.Duration{Hours: 5}, WithinDaily: restic.Duration{Days: 6}, WithinWeekly: restic.Duration{Months: 7},
		WithinMonthly: restic.Duration{Years: 8}, WithinYearly: restic.Duration{Years: 9},
		Tags: []restic.TagList{{"a", "b"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// Each key alone must make a policy that keeps something, and every rule has a key.
	set := map[string]bool{}
	for _, key := range retentionKeys() {
		value := map[bool]string{true: "7d", false: "7"}[isWithin(key)]
		policy, err := (Retention{key: value}).Policy()
		if err != nil || policy.Empty() {
			t.Errorf("%s: %v, %v", key, policy, err)
		}
		for i, v := 0, reflect.ValueOf(policy); i < v.NumField(); i++ {
			if !v.Field(i).IsZero() {
				set[v.Type().Field(i).Name] = true
			}
		}
	}
	for i, rules := 0, reflect.TypeFor[restic.Policy](); i < rules.NumField(); i++ {
		if !set[rules.Field(i).Name] {
			t.Errorf("no key of a retention sets %s", rules.Field(i).Name)
		}
	}
}

func isWithin(key string) bool { return len(key) >= 11 && key[:11] == "keep-within" }

func TestRetentionMistakes(t *testing.T) {
	for key, value := range map[string]string{
		"keep-last": "many", "keep-daily": "-2", "keep-hourly": "", "keep-weekly": "1.5", "keep-monthly": "99999999999999999999",
		"keep-within": "14", "keep-within-daily": "d", "keep-within-weekly": "-1d", "keep-within-yearly": "9999999y",
		"keep-tag": " ", "keep-forever": "1", "--keep-last": "1", "": "",
	} {
		var wrong *ConfigError
		if _, err := (Retention{key: value}).Policy(); !errors.As(err, &wrong) {
			t.Errorf("%s: %q: error %v", key, value, err)
		}
	}
}
