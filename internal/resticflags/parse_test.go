package resticflags

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseBackup(t *testing.T) {
	got, err := ParseBackup([]string{
		"--exclude", "a,b", "-e", "*.o", "--exclude=-x", "-xn", "--tag", "a,b", "--tag=c", "--iexclude", "-dash",
		"--exclude-larger-than", "1G", "--limit-upload", "100", "--compression", "max", "-vv", "--group-by=", "/srv", "--", "-odd",
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a,b", "*.o", "-x"}; !reflect.DeepEqual(got.Exclude, want) {
		t.Errorf("Exclude = %q, want %q", got.Exclude, want)
	}
	if !got.OneFileSystem || !got.DryRun {
		t.Error("-xn not understood")
	}
	if want := []string{"a,b", "c"}; !reflect.DeepEqual(got.Tag, want) {
		t.Errorf("Tag = %q, want %q", got.Tag, want)
	}
	if want := []string{"-dash"}; !reflect.DeepEqual(got.Iexclude, want) {
		t.Errorf("Iexclude = %q, want %q", got.Iexclude, want)
	}
	if got.ExcludeLargerThan != "1G" || got.LimitUpload != 100 || got.Compression != "max" || got.Verbose != 2 {
		t.Errorf("values: %+v", got)
	}
	if got.GroupBy == nil || *got.GroupBy != "" {
		t.Errorf("--group-by= not told from no --group-by: %v", got.GroupBy)
	}
	if want := []string{"/srv", "-odd"}; !reflect.DeepEqual(got.Paths, want) {
		t.Errorf("Paths = %q, want %q", got.Paths, want)
	}
}

func TestParseBackupRefuses(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"--exclud x", `did you mean "--exclude"?`},
		{"--read-concurrency many", "read-concurrency"},
		{"--one-file-system --no-such-flag", "no-such-flag"},
		{"--compression best", "compression"},
		{"-Z", "-Z"},
	} {
		_, err := ParseBackup(strings.Fields(test.args))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one naming %s", test.args, err, test.want)
		}
	}
	if _, err := ParseBackup([]string{"--tag foo"}); err == nil || !strings.Contains(err.Error(), "two list items") {
		t.Errorf("flag and value in one argument: error %v", err)
	}
}

// What is not on the command line comes from the environment; a list there gives way
// to the flags. A flag on the command line counts before both.
func TestParseBackupEnvironment(t *testing.T) {
	t.Setenv("RESTIC_HOST", "h")
	t.Setenv("RESTIC_CACERT", "/a,/b")
	t.Setenv("RESTIC_READ_CONCURRENCY", "7")
	got, err := ParseBackup(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != "h" || got.ReadConcurrency != 7 || !reflect.DeepEqual(got.Cacert, []string{"/a", "/b"}) || got.StdinFilename != "stdin" {
		t.Errorf("from the environment: %+v", got)
	}
	if got, err = ParseBackup([]string{"-H", "g", "--cacert=/c", "--cacert", "/d", "--read-concurrency=3"}); err != nil {
		t.Fatal(err)
	}
	if got.Host != "g" || got.ReadConcurrency != 3 || !reflect.DeepEqual(got.Cacert, []string{"/c", "/d"}) {
		t.Errorf("from the flags: %+v", got)
	}
	t.Setenv("RESTIC_READ_CONCURRENCY", "many")
	if _, err = ParseBackup(nil); err == nil || !strings.Contains(err.Error(), "RESTIC_READ_CONCURRENCY") {
		t.Errorf("error %v, want one that names the variable", err)
	}
}
