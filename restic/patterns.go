package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"

	engfilter "github.com/restic/restic/rwmlink/filter"

	"github.com/cesnet/rwm/internal/readfile"
)

// Patterns selects paths by restic's patterns: shell patterns that match whole names,
// "**" for any number of directories, a leading "/" for a path from the top, and a
// leading "!" for an exception. Includes and excludes cannot be given together.
//
// The ones with a leading I ignore the case of letters. Files hold one pattern a line,
// with # comments and $VARIABLES.
type Patterns struct {
	Includes, IIncludes         []string
	IncludeFiles, IIncludeFiles []string
	Excludes, IExcludes         []string
	ExcludeFiles, IExcludeFiles []string
}

// including reports whether only what patterns include is wanted.
func (p Patterns) including() bool {
	include := p.include()
	return !include.Empty()
}

func (p Patterns) include() engfilter.IncludePatternOptions {
	return engfilter.IncludePatternOptions{
		Includes: p.Includes, InsensitiveIncludes: p.IIncludes,
		IncludeFiles: p.IncludeFiles, InsensitiveIncludeFiles: p.IIncludeFiles,
	}
}

func (p Patterns) exclude() engfilter.ExcludePatternOptions {
	return engfilter.ExcludePatternOptions{
		Excludes: p.Excludes, InsensitiveExcludes: p.IExcludes,
		ExcludeFiles: p.ExcludeFiles, InsensitiveExcludeFiles: p.IExcludeFiles,
	}
}

// empty reports whether no pattern is given. A file counts as a pattern, even if it is
// empty.
func (p Patterns) empty() bool {
	include, exclude := p.include(), p.exclude()
	return include.Empty() && exclude.Empty()
}

// patternFailed can never be called: patterns are validated before they are used.
func patternFailed(string, ...any) {}

// compiled holds patterns that were read and validated. At least one of the functions
// is nil; both are if every path is selected.
type compiled struct {
	rejects  func(path string) bool
	includes func(path string) (matched, childMayMatch bool)
}

func (p Patterns) compile(ctx context.Context) (compiled, error) {
	include, err := readfile.Until(ctx, func() ([]engfilter.IncludeByNameFunc, error) { return p.include().CollectPatterns(patternFailed) })
	if err != nil {
		return compiled{}, patternError(err)
	}
	exclude, err := readfile.Until(ctx, func() ([]engfilter.RejectByNameFunc, error) { return p.exclude().CollectPatterns(patternFailed) })
	if err != nil {
		return compiled{}, patternError(err)
	}
	switch {
	case len(include) > 0 && len(exclude) > 0:
		return compiled{}, errors.New("include and exclude patterns cannot be given together")
	case len(include) > 0:
		return compiled{includes: func(path string) (matched, childMayMatch bool) {
			for _, fn := range include {
				m, c := fn(path)
				matched, childMayMatch = matched || m, childMayMatch || c
			}
			return matched, childMayMatch
		}}, nil
	case len(exclude) > 0:
		return compiled{rejects: func(path string) bool {
			return slices.ContainsFunc(exclude, func(fn engfilter.RejectByNameFunc) bool { return fn(path) })
		}}, nil
	}
	return compiled{}, nil
}

// patternError puts the engine's text, which lists one bad pattern a line, on one line.
func patternError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("invalid patterns: %s", oneLine(err))
}

// restoreFilter returns the engine's filter for paths: whether to restore one, and
// whether to descend into it.
func (p Patterns) restoreFilter(ctx context.Context) (func(path string, isDir bool) (bool, bool), error) {
	c, err := p.compile(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("restore: %w", err)
	case c.rejects != nil:
		return func(path string, isDir bool) (bool, bool) {
			wanted := !c.rejects(path)
			return wanted, wanted && isDir
		}, nil
	case c.includes != nil:
		return func(path string, isDir bool) (bool, bool) {
			wanted, below := c.includes(path)
			return wanted, below && isDir
		}, nil
	}
	return func(string, bool) (bool, bool) { return true, true }, nil
}

// xattrs returns the engine's filter for names of extended attributes.
func (o *RestoreOptions) xattrs(ctx context.Context) (func(name string) bool, error) {
	c, err := Patterns{Includes: o.IncludeXattrs, Excludes: o.ExcludeXattrs}.compile(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("restore: extended attributes: %w", err)
	case c.rejects != nil:
		return func(name string) bool { return !c.rejects(name) }, nil
	case c.includes != nil:
		return func(name string) bool { matched, _ := c.includes(name); return matched }, nil
	}
	return func(string) bool { return true }, nil
}
