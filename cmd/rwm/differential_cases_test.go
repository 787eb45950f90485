package main

import (
	"slices"
	"strings"
)

// diffCase is one command line. Words are split at spaces; + stands for a space
// and two apostrophes for nothing.
type diffCase struct {
	before    []string // command lines that restic runs first
	env       string   // further environment variables
	args      string
	stdin     string
	noEnv     bool   // no repository and no password in the environment
	text      bool   // compare standard output, line by line in any order
	table     bool   // the same, but for the space between words
	writes    bool   // compare the repository
	at        string // which one, if not $REPO
	newBlobs  bool   // which blobs are new depends on the clock (a tree with the time in it)
	unordered bool   // restic's order of a list depends on chance
	password  string // of the repository afterwards, if it changes
	differs   string // what differs, and why
}

// line is the command line with what is set before it.
func (c diffCase) line() string { return strings.TrimSpace(c.env + " " + c.args) }

// noPassword is the password of a repository that has an empty one.
const noPassword = "(none)"

var differentialCases = slices.Concat(usualCases, flagCases, accessCases, envCases, outputCases, mountCases)

// usualCases are each command as it is used most, and what it refuses.
var usualCases = []diffCase{
	{args: "snapshots --json"},
	{args: "snapshots --json --host h1"},
	{args: "snapshots --json -H h1 -H h2 --latest 1"},
	{args: "snapshots --json --tag a,b --tag c"},
	{args: "snapshots --json --path $DATA"},
	{args: "snapshots --json --group-by host,tags", unordered: true},
	{args: "snapshots --json -g paths --latest 1", unordered: true},
	{args: "snapshots --json --last"},
	{args: "snapshots --json $S1 latest"},
	{args: "snapshots --json nosuch"},
	{args: "snapshots --json --group-by colour"},
	{args: "snapshots --no-lock --json"},
	{args: "snapshots --no-such-flag"},
	{args: "snapshots --json --password-file $LISTS/pw"},
	{args: "snapshots --json --password-file $LISTS/newpw"},
	{args: "snapshots --json -r $OUT/nowhere"},
	{args: "snapshots --json --key-hint $KEYS --retry-lock 1s --no-cache"},

	{args: "ls $S1 --json"},
	{args: "ls latest --host h1 --json"},
	{args: "ls $S2 -l", text: true},
	{args: "ls $S2 --long --human-readable", text: true},
	{args: "ls $S2 $DATA/sub --json"},
	{args: "ls $S2 $DATA/sub --recursive --json"},
	{args: "ls $S2:$DATA --json"},
	{args: "ls $S2 --ncdu", text: true},
	{args: "ls $S2 --json --sort size --reverse"},
	{args: "ls $S2 --json -s extension"},
	{args: "ls $S2 --json -s mtime"},
	{args: "ls --json"},
	{args: "ls nosuch --json"},
	{args: "ls $S1 relative --json"},

	{args: "find two.txt --json"},
	{args: "find *.txt --json -i --host h1"},
	{args: "find *.txt --json --ignore-case --reverse"},
	{args: "find one --json -s $S1 --newest 2001-01-01"},
	{args: "find one --json -O 2001-01-01 -N 2099-01-01"},
	{args: "find two.txt -l", text: true},
	{args: "find nothing --json"},
	{args: "find one --json -s nosuch"},
	{args: "find one --json -s nosuch -s $S1"},
	{args: "find --blob $BLOB --json"},
	{args: "find --tree $T1 --json"},
	{args: "find --pack $PACKS --json"},
	{args: "find --blob --tree x"},
	{args: "find one --oldest whenever"},

	{args: "stats --json"},
	{args: "stats --json --mode raw-data"},
	{args: "stats --json --mode files-by-contents latest"},
	{args: "stats --json --mode blobs-per-file --host h1"},
	{args: "stats --json --mode nonsense"},
	{args: "stats --json nosuch"},
	{args: "stats --json nosuch $S1"},

	{args: "cat config", text: true},
	{args: "cat snapshot $S1", text: true},
	{args: "cat tree $S1:$DATA", text: true},
	{args: "cat blob $BLOB", text: true},
	{args: "cat index $INDEX", text: true},
	{args: "cat key $KEYS", text: true},
	{args: "cat masterkey", text: true},
	{args: "cat nonsense"},
	{args: "cat pack"},

	{args: "list snapshots", text: true},
	{args: "list blobs", text: true},
	{args: "list packs", text: true},
	{args: "list index", text: true},
	{args: "list keys", text: true},
	{args: "list locks", text: true},
	{args: "list nonsense"},

	{args: "diff $S1 $S2 --json"},
	{args: "diff $S1 $S2 --metadata", text: true},
	{args: "diff $S2:$DATA/sub $S3:/ --json"},
	{args: "diff $S1 $S1 --json"},
	{args: "diff $S1"},

	{args: "dump $S1 $DATA/one", text: true},
	{args: "dump latest --host h1 $DATA/sub/two.txt", text: true},
	{args: "dump $S1 $DATA/sub --target $OUT/x.tar"},
	{args: "dump $S1:$DATA / -a zip -t $OUT/x.zip"},
	{args: "dump $S1 $DATA/missing"},
	{args: "dump $S1 / --archive rar"},

	{args: "restore $S2 --target $OUT --json"},
	{args: "restore latest --host h1 -t $OUT --include *.txt"},
	{args: "restore $S2:$DATA/sub --target $OUT --exclude deep --verify"},
	{args: "restore $S2 --target $OUT --iinclude *.TXT --sparse"},
	{args: "restore $S2 --target $OUT --exclude-file $LISTS/patterns --overwrite if-changed --delete"},
	{args: "restore $S2 --target $OUT --dry-run --json"},
	{args: "restore $S3 --target $OUT --json -vv --overwrite always", before: []string{"restore $S2 -t $OUT"}, unordered: true},
	{args: "restore $S3 --target $OUT --json -vv --overwrite if-changed", before: []string{"restore $S2 -t $OUT"}, unordered: true},
	{args: "restore $S3 --target $OUT --json -vv --overwrite if-newer", before: []string{"restore $S2 -t $OUT"}, unordered: true},
	{args: "restore $S3 --target $OUT --json -vv --overwrite never", before: []string{"restore $S2 -t $OUT"}, unordered: true},
	{args: "restore $S3 --target $OUT --json -vv --delete --verify", before: []string{"restore $S2 -t $OUT"}, unordered: true},
	{args: "restore $S3 --target $OUT --json -vv --delete --include *.txt", before: []string{"restore $S2 -t $OUT"}, unordered: true},
	{args: "restore $S3 --target $OUT --json -vv --dry-run --delete", before: []string{"restore $S2 -t $OUT"}, unordered: true},
	{args: "restore $S2 --target $OUT --overwrite sometimes"},
	{args: "restore $S2"},
	{args: "restore $S2 -t $OUT --include a --exclude b"},
	{args: "restore $S2 -t $OUT --dry-run --verify"},
	{args: "restore nosuch -t $OUT"},

	{args: "backup $DATA --host h1", text: true, writes: true},
	{args: "backup $DATA --host nosuch", text: true, writes: true},
	{args: "backup $DATA --host h1 --dry-run", text: true, writes: true},
	{args: "backup $DATA --json --host h1", writes: true},
	{args: "backup $DATA --json --host h9 --tag x,y --tag z --exclude *.bin --force --no-scan", writes: true},
	{args: "backup $DATA --json -H h1 -e big* --exclude-caches --exclude-if-present .nobackup -x", writes: true},
	{args: "backup $DATA --json --host h1 --iexclude *.TXT --exclude-larger-than 100k", writes: true},
	{args: "backup $DATA --json --host h1 --exclude-file $LISTS/patterns --iexclude-file $LISTS/patterns", writes: true},
	{args: "backup --json --host h1 --files-from $LISTS/files", writes: true},
	{args: "backup --json --host h1 --files-from-verbatim $LISTS/files --files-from-raw $LISTS/raw", writes: true},
	{args: "backup $DATA --json --host h1 --parent $S1 --group-by host", writes: true},
	{args: "backup $DATA --json --host h1 --time 2024-05-05+05:05:05", writes: true},
	{args: "backup $DATA --json --host h1 --dry-run", writes: true,
		differs: "restic prints the ID of a snapshot that was not made; rwm leaves it out"},
	{args: "backup $DATA/one --json --host h1 --read-concurrency 4 --ignore-inode --ignore-ctime", writes: true},
	{args: "backup --json --stdin --stdin-filename note --host h1", stdin: "a note\n", writes: true, newBlobs: true},
	{args: "backup --json --stdin-from-command --host h1 -- echo hello", writes: true, newBlobs: true,
		differs: "restic names the latest snapshot of the host as the parent, with which the output of a command has nothing to do; rwm names none"},
	{args: "backup --stdin-from-command --host h1 -- false", writes: true},
	{args: "backup $DATA $DATA/missing --json --host h1", writes: true},
	{args: "backup $DATA/missing --host h1", writes: true},
	{args: "backup --host h1"},
	{args: "backup $DATA --host h1 --exclude [", writes: true},
	{args: "backup $DATA --host h1 --parent nosuch", writes: true},
	{args: "backup $DATA/sub --json --host h2 --skip-if-unchanged", writes: true},
	{args: "backup $DATA --compression max --pack-size 8 --host h1", writes: true},
	{args: "backup $DATA --compression best --host h1"},

	{args: "forget $S1 --json", writes: true},
	{args: "forget --keep-last 1 --json", writes: true, unordered: true},
	{args: "forget --keep-last 1 --group-by '' --json", writes: true, unordered: true},
	{args: "forget -d 1 -w 1 -m 2 -y unlimited -g host --json", writes: true, unordered: true},
	{args: "forget --keep-within 10d --group-by host --host h1 --json", writes: true, unordered: true},
	{args: "forget --keep-within-daily 1m --keep-tag c --json --dry-run", writes: true, unordered: true},
	{args: "forget --tag a --unsafe-allow-remove-all", writes: true},
	{args: "forget --keep-last 1 --host h3 --prune", writes: true},
	{args: "forget $S4 --prune --max-unused 0", writes: true},
	{args: "forget", writes: true},
	{args: "forget --keep-last -1", writes: true},
	{args: "forget --keep-within soon", writes: true},
	{args: "forget nosuch", writes: true},
	{args: "forget nosuch $S1", writes: true},

	{args: "prune", table: true, writes: true},
	{args: "prune --dry-run --max-unused unlimited --max-repack-size 1M --repack-cacheable-only", writes: true},
	{args: "prune --max-unused 0 --repack-uncompressed --repack-smaller-than 1M", writes: true},
	{args: "prune --max-unused 101%"},

	{args: "tag --add x,y --host h1 --json", writes: true, unordered: true},
	{args: "tag --remove a --json", writes: true, unordered: true},
	{args: "tag --set q $S1 --json", writes: true},
	{args: "tag --set '' --tag a,b", writes: true,
		differs: "restic leaves the tags as they are, although its manual says that '' removes them; rwm removes them"},
	{args: "tag"},
	{args: "tag --add x nosuch", writes: true},
	{args: "tag --add x nosuch $S1", writes: true},

	{args: "rewrite --exclude *.bin", writes: true},
	{args: "rewrite --include *.txt --forget $S1", writes: true},
	{args: "rewrite --new-host other --new-time 2023-03-03+03:03:03 $S1", writes: true},
	{args: "rewrite -s --dry-run --iexclude ONE", writes: true},
	{args: "rewrite", writes: true},
	{args: "rewrite --exclude *.bin nosuch", writes: true},
	{args: "rewrite --exclude *.bin nosuch $S1", writes: true},

	{args: "check --json"},
	{args: "check --read-data --json"},
	{args: "check --read-data-subset 1/2 --with-cache --json"},
	{args: "check --read-data-subset 3/2"},
	{args: "check nosuch"},
	{args: "check --read-data --read-data-subset 10%"},

	{args: "key list --json"},
	{args: "key list", table: true},
	{args: "key add --new-password-file $LISTS/newpw --user u --host h", writes: true},
	{args: "key passwd --new-password-file $LISTS/newpw", writes: true, password: "another"},
	{args: "key remove $KEYS", writes: true},
	{args: "key remove nosuch", writes: true},

	{args: "copy --from-repo $FROM -r $OUT/other", writes: true},
	{args: "copy --from-repo $FROM latest --host h1", writes: true},
	{args: "copy --from-repo $FROM", before: []string{"forget $S1 $S4 --prune --max-unused 0"}, writes: true},
	{args: "copy --from-repo $REPO", writes: true},
	{args: "copy --from-repo $FROM -r $V1 nosuch $S3", writes: true, at: "$V1"},
	{args: "copy", writes: true},
	{args: "init", writes: true},
	{args: "init -r $OUT/new --repository-version 9"},

	{args: "migrate", writes: true},
	{args: "migrate nosuch", writes: true,
		differs: "restic exits with 0 after naming the unknown migration; rwm with 1, for a misspelt name must not look like a migration that was made"},
	{args: "recover", writes: true},
	{args: "repair index", writes: true},
	{args: "repair index --read-all-packs", writes: true},
	{args: "repair packs $PACKS", writes: true, newBlobs: true},
	{args: "repair packs"},
	{args: "repair snapshots --forget", writes: true},
	{args: "repair snapshots --dry-run", writes: true},
	{args: "repair snapshots nosuch", writes: true},
	{args: "unlock", writes: true},
	{args: "unlock --remove-all", writes: true},
	{args: "version --json"},
	{args: "features", text: true},
	{args: "cache --cleanup"},
}
