package rwm_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

// A whole backup run, without a file and without the command.
func ExampleManager_Backup() {
	m, err := rwm.New(&rwm.Config{
		S3EndpointURL: "https://s3.example.org", S3AccessKey: os.Getenv("S3_KEY"), S3SecretKey: os.Getenv("S3_SECRET"),
		ResticBucket: "host1", ResticPassword: os.Getenv("PASSWORD"),
		Backups: map[string]rwm.Backup{
			"home": {FilesDirs: []string{"/home"}, PreRun: []string{"sync"}},
		},
		Retention: rwm.Retention{"keep-within": "14d", "keep-weekly": "8"},
	}, rwm.WithOutput(os.Stdout, os.Stderr), rwm.WithEvents(func(event rwm.Event) {
		if e, ok := event.(rwm.RepositoryEvent); ok {
			if status, ok := e.Event.(restic.BackupStatus); ok {
				fmt.Printf("%s: %d of %d files\n", e.Name, status.FilesDone, status.TotalFiles)
			}
		}
	}))
	if err != nil {
		log.Fatal(err)
	}
	report, err := m.Backup(context.Background(), "home")
	if report != nil {
		for _, row := range report.Rows {
			fmt.Println(row.Name, row.OK, row.ReturnCode, row.Seconds)
		}
	}
	os.Exit(rwm.ExitCode(err))
}

func ExampleParseConfig() {
	_, err := rwm.ParseConfig(strings.NewReader("s3_acess_key: abc\nretention: [keep-last]\n"), "rwm.conf")
	fmt.Println(err)
	var wrong *rwm.ConfigError
	if errors.As(err, &wrong) {
		fmt.Println("the first of them is on line", wrong.Line)
	}
	// Output:
	// rwm.conf:1: s3_acess_key: unknown key; did you mean s3_access_key?
	// rwm.conf:2: retention: must have keys ("key: value" lines), but is a list
	// the first of them is on line 1
}

func ExampleConfig_Validate() {
	cfg := &rwm.Config{
		S3EndpointURL: "s3.example.org", S3AccessKey: "abc", S3SecretKey: "def",
		Backups: map[string]rwm.Backup{"home": {FilesDirs: []string{"/home"}, Extras: []string{"--tagg"}}},
	}
	fmt.Println(cfg.Validate())
	// Output: s3_endpoint_url: must be a URL that begins with https:// or http://
	// backups.home.extras: unknown flag --tagg, did you mean "--tag"?
}
