package main

// envCases run restic's environment variables.
var envCases = []diffCase{
	{env: "RESTIC_HOST=h1", args: "snapshots --json"},
	{env: "RESTIC_HOST=h1", args: "snapshots --json --host h3"},
	{env: "RESTIC_HOST=h1", args: "snapshots --json --host ''"},
	{env: "RESTIC_HOST=h1", args: "ls latest --json"},
	{env: "RESTIC_HOST=h1", args: "forget --keep-last 1 --json", writes: true, unordered: true},
	{env: "RESTIC_HOST=h7", args: "backup $DATA/sub --json", writes: true},
	{env: "RESTIC_HOST=h7", args: "backup $DATA/sub --json --host h1", writes: true},

	{env: "RESTIC_REPOSITORY_FILE=$DIR/location", args: "snapshots --json -p $LISTS/pw", noEnv: true},
	{env: "RESTIC_REPOSITORY_FILE=$DIR/location", args: "snapshots --json"},
	{env: "RESTIC_PASSWORD_FILE=$LISTS/pw", args: "snapshots --json -r $REPO", noEnv: true},
	{env: "RESTIC_PASSWORD_FILE=$LISTS/newpw", args: "snapshots --json"},
	{env: "RESTIC_PASSWORD_COMMAND=cat+$LISTS/pw", args: "snapshots --json -r $REPO", noEnv: true},
	{env: "RESTIC_PASSWORD_COMMAND=cat+$LISTS/pw RESTIC_PASSWORD_FILE=$LISTS/pw", args: "snapshots --json"},
	{env: "RESTIC_PASSWORD_COMMAND=false", args: "snapshots --json -p $LISTS/pw",
		differs: "restic refuses RESTIC_PASSWORD_COMMAND together with --password-file; with rwm a flag goes before the environment"},
	{env: "RESTIC_KEY_HINT=$KEYS", args: "snapshots --json"},
	{env: "RESTIC_CACHE_DIR=$DIR/my-cache", args: "snapshots --json --cleanup-cache"},

	{env: "RESTIC_COMPRESSION=off", args: "backup $DATA --json --host h1", writes: true},
	{env: "RESTIC_COMPRESSION=best", args: "backup $DATA --json --host h1", writes: true},
	{env: "RESTIC_COMPRESSION=best", args: "backup $DATA --json --host h1 --compression max", writes: true},
	{env: "RESTIC_PACK_SIZE=8", args: "backup $DATA --json --host h1", writes: true},
	{env: "RESTIC_PACK_SIZE=500", args: "backup $DATA --json --host h1", writes: true},
	{env: "RESTIC_PACK_SIZE=large", args: "backup $DATA --json --host h1", writes: true},
	{env: "RESTIC_PACK_SIZE=large", args: "backup $DATA --json --host h1 --pack-size 8", writes: true,
		differs: "restic does not look at the variable when the flag is given, rwm refuses what makes no sense in it"},
	{env: "RESTIC_READ_CONCURRENCY=4", args: "backup $DATA --json --host h1", writes: true},
	{env: "RESTIC_READ_CONCURRENCY=many", args: "backup $DATA --json --host h1", writes: true},
	{env: "RESTIC_READ_CONCURRENCY=many", args: "snapshots --json"},

	{env: "RESTIC_CACERT=$LISTS/nosuch", args: "snapshots --json"},
	{env: "RESTIC_TLS_CLIENT_CERT=$LISTS/nosuch", args: "snapshots --json"},
	{env: "RESTIC_HTTP_USER_AGENT=me", args: "snapshots --json"},
	{env: "RESTIC_FEATURES=nosuch", args: "snapshots --json"},
	{env: "RESTIC_FEATURES=nosuch=true", args: "snapshots --json"},
	{env: "RESTIC_FEATURES=device-id-for-hardlinks=true", args: "features", text: true},
	{env: "RESTIC_PROGRESS_FPS=often", args: "prune", table: true, writes: true},

	{env: "RESTIC_FROM_REPOSITORY=$FROM", args: "copy -r $V1 --host h2", writes: true, at: "$V1"},
	{env: "RESTIC_FROM_REPOSITORY_FILE=$DIR/from-location RESTIC_FROM_PASSWORD_FILE=$LISTS/pw RESTIC_FROM_KEY_HINT=$KEYS", args: "copy -r $V1 --host h1", writes: true, at: "$V1"},
	{env: "RESTIC_FROM_PASSWORD_COMMAND=false", args: "copy --from-repo $FROM -r $V1 --host h1", writes: true, at: "$V1"},
	{env: "RESTIC_FROM_REPOSITORY=$FROM", args: "init -r $DIR/new --copy-chunker-params", writes: true, at: "$DIR/new"},
	{env: "RESTIC_REPOSITORY2=$V1 RESTIC_PASSWORD2=differential", args: "copy --host h2", writes: true, at: "$V1"},
}
