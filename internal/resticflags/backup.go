package resticflags

// Backup are the flags of `restic backup`, named, shortened and defaulted as
// in restic 0.19.1.
type Backup struct {
	Parent  string  `help:"Use this parent SNAPSHOT (default: the latest of the group that is not newer than --time)." placeholder:"SNAPSHOT"`
	GroupBy *string `short:"g" name:"group-by" help:"Group snapshots by host, paths and/or tags, separated by comma (default: host,paths; '' disables grouping)." placeholder:"GROUP"`
	Force   bool    `short:"f" help:"Read every file again, whatever the parent says."`

	Exclude      []string `short:"e" sep:"none" help:"Exclude a PATTERN (repeatable)." placeholder:"PATTERN"`
	Iexclude     []string `sep:"none" help:"Like --exclude, ignoring case." placeholder:"PATTERN"`
	ExcludeFile  []string `sep:"none" help:"Read exclude patterns from FILE (repeatable)." placeholder:"FILE"`
	IexcludeFile []string `sep:"none" help:"Like --exclude-file, ignoring case." placeholder:"FILE"`

	OneFileSystem     bool     `short:"x" help:"Do not cross file system boundaries and subvolumes."`
	ExcludeIfPresent  []string `sep:"none" help:"Exclude what is in a directory with a file FILE[:HEADER], but not that file (repeatable)." placeholder:"FILE[:HEADER]"`
	ExcludeCaches     bool     `help:"Exclude cache directories marked with a CACHEDIR.TAG file."`
	ExcludeLargerThan string   `help:"Skip files larger than SIZE (suffixes k, m, g, t)." placeholder:"SIZE"`
	ExcludeCloudFiles bool     `help:"Exclude files that are only online (OneDrive, iCloud; Windows and macOS)."`

	Stdin            bool   `help:"Read the data from standard input."`
	StdinFilename    string `default:"stdin" help:"File NAME for data read from standard input." placeholder:"NAME"`
	StdinFromCommand bool   `help:"Take the arguments as a command and store what it prints."`

	FilesFrom         []string `sep:"none" help:"Read the paths to back up from FILE, one glob pattern a line (repeatable)." placeholder:"FILE"`
	FilesFromVerbatim []string `sep:"none" help:"Read the paths to back up from FILE, one a line, taken literally (repeatable)." placeholder:"FILE"`
	FilesFromRaw      []string `sep:"none" help:"Read the paths to back up from FILE, each ended by a zero byte (repeatable)." placeholder:"FILE"`

	Tag      []string `sep:"none" help:"Add tags to the snapshot, TAG[,TAG...] (repeatable)." placeholder:"TAG"`
	Host     string   `short:"H" env:"RESTIC_HOST" help:"Host name of the snapshot." placeholder:"HOST"`
	Hostname string   `hidden:"" help:"Old name of --host." placeholder:"HOST"`
	Time     string   `help:"Time of the backup, as '2012-11-01 22:08:41' (default: now)." placeholder:"TIME"`

	WithAtime       bool `help:"Store the access time of files and directories."`
	IgnoreInode     bool `help:"Ignore inode number and ctime when looking for modified files."`
	IgnoreCtime     bool `help:"Ignore ctime when looking for modified files."`
	UseFsSnapshot   bool `name:"use-fs-snapshot" help:"Read from a file system snapshot (VSS, Windows only)."`
	ReadConcurrency uint `env:"RESTIC_READ_CONCURRENCY" help:"Read N files at a time (default: 2)." placeholder:"N"`

	DryRun          bool `short:"n" help:"Write nothing, show what would be done."`
	NoScan          bool `help:"Do not estimate the size of the backup first."`
	SkipIfUnchanged bool `help:"Make no snapshot if it would equal its parent."`
}
