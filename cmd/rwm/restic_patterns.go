package main

import "github.com/cesnet/rwm/restic"

type excludeFlags struct {
	Exclude      []string `short:"e" sep:"none" help:"Exclude a PATTERN (repeatable)." placeholder:"PATTERN"`
	Iexclude     []string `sep:"none" help:"Like --exclude, ignoring case." placeholder:"PATTERN"`
	ExcludeFile  []string `sep:"none" help:"Read exclude patterns from FILE (repeatable)." placeholder:"FILE" predictor:"file"`
	IexcludeFile []string `sep:"none" help:"Like --exclude-file, ignoring case." placeholder:"FILE" predictor:"file"`
}

type includeFlags struct {
	Include      []string `short:"i" sep:"none" help:"Include only a PATTERN (repeatable)." placeholder:"PATTERN"`
	Iinclude     []string `sep:"none" help:"Like --include, ignoring case." placeholder:"PATTERN"`
	IncludeFile  []string `sep:"none" help:"Read include patterns from FILE (repeatable)." placeholder:"FILE" predictor:"file"`
	IincludeFile []string `sep:"none" help:"Like --include-file, ignoring case." placeholder:"FILE" predictor:"file"`
}

func patterns(ex excludeFlags, in includeFlags) restic.Patterns {
	return restic.Patterns{
		Includes: in.Include, IIncludes: in.Iinclude, IncludeFiles: in.IncludeFile, IIncludeFiles: in.IincludeFile,
		Excludes: ex.Exclude, IExcludes: ex.Iexclude, ExcludeFiles: ex.ExcludeFile, IExcludeFiles: ex.IexcludeFile,
	}
}
