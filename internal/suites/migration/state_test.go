package migration_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/fixtures"
	"github.com/cesnet/rwm/s3state"
)

// isoformat is the text of Python's datetime.isoformat.
const isoformat = "2006-01-02T15:04:05.000000-07:00"

// pythonState writes the state of the bucket as the original did: what boto3 gives,
// through Python's json.dumps, which escapes everything beyond ASCII.
func (b *oldBucket) pythonState(t *testing.T) []byte {
	t.Helper()
	now := time.Now().Format(isoformat)
	owner := fmt.Sprintf(`{"DisplayName": "admin", "ID": %s}`, ascii(b.Admin.OwnerID()))
	var versions, markers []string
	for v, err := range b.store.Versions(t.Context(), b.name, "") {
		if err != nil {
			t.Fatal(err)
		}
		writer := fmt.Sprintf(`{"DisplayName": %s, "ID": %s}`, ascii(v.Owner.DisplayName), ascii(v.Owner.ID))
		modified := ascii(v.LastModified.UTC().Format("2006-01-02T15:04:05.000000+00:00"))
		if v.DeleteMarker {
			markers = append(markers, fmt.Sprintf(`{"Owner": %s, "Key": %s, "VersionId": %s, "IsLatest": %t, "LastModified": %s}`,
				writer, ascii(v.Key), ascii(v.VersionID), v.IsLatest, modified))
			continue
		}
		versions = append(versions, fmt.Sprintf(
			`{"ETag": %s, "Size": %d, "StorageClass": "STANDARD", "Key": %s, "VersionId": %s, "IsLatest": %t, "LastModified": %s, "Owner": %s}`,
			ascii(v.ETag), v.Size, ascii(v.Key), ascii(v.VersionID), v.IsLatest, modified, writer))
	}
	state := fmt.Sprintf(`{"bucket_name": %s, "bucket_acl": {"owner": %s, "grants": [{"Grantee": {"DisplayName": "admin", "ID": %s, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]}, "bucket_policy": %s, "time_start": "%s", "time_end": "%s", "versions": [%s], "delete_markers": [%s]}`,
		ascii(b.name), owner, ascii(b.Admin.OwnerID()), fixtures.Policy(b.name, b.Admin.ARN(), b.Host.ARN()),
		now, now, strings.Join(versions, ", "), strings.Join(markers, ", "))
	if !json.Valid([]byte(state)) {
		t.Fatalf("the fixture is no JSON: %s", state)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(state)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func ascii(s string) string { return strconv.QuoteToASCII(s) }

func TestStatesOfThePythonProgramRestore(t *testing.T) {
	b := newOldBucket(t)
	key := "rwm/state_" + time.Now().Format(isoformat) + ".json.gz"
	version := b.put(t, key, string(b.pythonState(t)))
	b.destroy(t)

	target := b.Bucket(t)
	r, err := b.store.Restore(t.Context(), s3state.RestoreOptions{Source: b.name, Target: target, Moment: s3state.Moment{StateKey: key, StateVersion: version}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Objects != 4 {
		t.Errorf("%+v, want 4 objects", r)
	}
	for key, want := range map[string]string{
		"config": "first config", "data/ab/abcd": "first data/ab/abcd", "kept+ünïcode \"☃\"": "first kept+ünïcode \"☃\"",
		"overwritten": "second overwritten", "deleted": "",
	} {
		if got := b.content(t, target, key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
	check, err := b.store.CheckPolicy(t.Context(), target)
	if err != nil || !check.OK || check.TargetUser() != b.Host.Name {
		t.Errorf("the new bucket: %+v %v", check, err)
	}
}

// What a reader in Python relies on: the fields it takes, times that fromisoformat
// reads, and lists that say what is current.
const reader = `
import datetime, gzip, json, sys
state = json.loads(gzip.decompress(sys.stdin.buffer.read()))
assert set(state) >= {"bucket_name", "bucket_acl", "bucket_policy", "time_start", "time_end", "versions", "delete_markers"}, state.keys()
assert set(state["bucket_acl"]) >= {"owner", "grants"}
assert [s["Effect"] for s in state["bucket_policy"]["Statement"]] == ["Allow", "Allow"]
for time in state["time_start"], state["time_end"]:
    assert datetime.datetime.fromisoformat(time).tzinfo is not None
for entry in state["versions"]:
    assert set(entry) >= {"ETag", "Size", "StorageClass", "Key", "VersionId", "IsLatest", "LastModified", "Owner"}, entry
    assert isinstance(entry["Size"], int) and isinstance(entry["IsLatest"], bool)
for entry in state["versions"] + state["delete_markers"]:
    assert set(entry["Owner"]) >= {"DisplayName", "ID"}, entry
    assert datetime.datetime.fromisoformat(entry["LastModified"]).tzinfo is not None
for entry in sorted(state["versions"], key=lambda e: e["Key"]):
    if entry["IsLatest"]:
        print(json.dumps(entry["Key"]))
`

func TestStatesSavedHereAreReadInPython(t *testing.T) {
	harness.NeedPrograms(t, "apt-get install python3", "python3")
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	b := newOldBucket(t)
	saved, err := s3state.New(b.host).Save(t.Context(), b.name, s3state.CaptureOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stamp := strings.TrimSuffix(strings.TrimPrefix(saved.Key, "rwm/state_"), ".json.gz")
	if _, err := time.Parse(isoformat, stamp); err != nil {
		t.Errorf("the key %q: %v", saved.Key, err)
	}
	cmd := exec.Command(python, "-c", reader)
	cmd.Stdin = strings.NewReader(b.content(t, b.name, saved.Key))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		var key string
		if err := json.Unmarshal([]byte(line), &key); err != nil {
			t.Fatal(err)
		}
		got = append(got, key)
	}
	if want := []string{"config", "data/ab/abcd", "kept+ünïcode \"☃\"", "overwritten"}; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("current keys: %q, want %q", got, want)
	}
}
