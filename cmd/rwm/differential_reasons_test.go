package main

// notCompared are the flags that no case runs, by command and flag, and why. "" is
// for the flags of every command. A flag that is in a case must not be here.
var notCompared = map[string]map[string]string{
	"backup": {
		"exclude-cloud-files": "restic has it on Windows and macOS only; these cases run on Linux",
		"use-fs-snapshot":     "restic has it on Windows only; these cases run on Linux",
	},
	"mount": {
		"host":                   mountTest,
		"tag":                    mountTest,
		"path":                   mountTest,
		"path-template":          mountTest,
		"time-template":          mountTest,
		"owner-root":             mountTest,
		"allow-other":            mountTest,
		"no-default-permissions": mountTest,
		"cache-size":             "rwm's own; restic has no such flag",
		"read-timeout":           "rwm's own; restic has no such flag",
	},
	"": {
		"state": asOf,
		"at":    asOf,
	},
}

const (
	mountTest = "TestShowsWhatResticShows of the package fusemount compares mounted trees"
	asOf      = "rwm's own, for the configured bucket as it was: restic has no such thing. cmd/rwm/testdata/asof.txtar tests it"
)

// noCase are the commands without a case, and why.
var noCase = map[string]string{
	"mount":   "it shows a file system until it is ended; TestShowsWhatResticShows of the package fusemount mounts one repository with restic and with rwm and compares what is there",
	"options": "it lists the options of the backends that are linked, which are fewer than restic's: `local.connections` and `s3.connections`",
}
