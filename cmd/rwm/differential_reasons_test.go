package main

// notCompared are the flags that no case runs, by command and flag, and why. "" is
// for the flags of every command. A flag that is in a case must not be here.
var notCompared = map[string]map[string]string{
	"init": {
		"fresh-start": "rwm's own; restic has no such flag",
	},
	"mount": {
		"cache-size":   "rwm's own; restic has no such flag",
		"read-timeout": "rwm's own; restic has no such flag",
	},
	"": {
		"state": asOf,
		"at":    asOf,
	},
}

const asOf = "rwm's own, for the configured bucket as it was: restic has no such thing. cmd/rwm/testdata/asof.txtar tests it"

// noCase are the commands without a case, and why.
var noCase = map[string]string{
	"options": "it lists the options of the backends that are linked, which are fewer than restic's: of those of S3, `enable-restore` and its companions are missing; `layout`, which is deprecated, `list-objects-v1`, because a server that needs it is recognised, and those of backends that are not linked are accepted and change nothing",
}
