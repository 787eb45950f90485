package restic

import (
	"errors"
	"fmt"
	"strings"

	"github.com/restic/restic/rwmlink/filter"
)

// Patterns selects paths by restic's patterns: shell patterns that match whole names, "**" for any number of
// directories, a leading "/" for a path from the top, and a leading "!" for an exception. The Insensitive ones ignore the case of letters.
type Patterns struct {
	Include, Exclude                       []string
	IncludeInsensitive, ExcludeInsensitive []string
}

func (p Patterns) hasIncludes() bool { return len(p.Include)+len(p.IncludeInsensitive) > 0 }
func (p Patterns) hasExcludes() bool { return len(p.Exclude)+len(p.ExcludeInsensitive) > 0 }
func (p Patterns) empty() bool       { return !p.hasIncludes() && !p.hasExcludes() }

func (p Patterns) check() error {
	if p.hasIncludes() && p.hasExcludes() {
		return errors.New("include and exclude patterns cannot be given together")
	}
	for _, list := range [][]string{p.Include, p.Exclude, p.IncludeInsensitive, p.ExcludeInsensitive} {
		if err := filter.ValidatePatterns(list); err != nil {
			return fmt.Errorf("patterns: %s", strings.Join(strings.Fields(err.Error()), " "))
		}
	}
	return nil
}

// patternError can never be called: patterns are validated before they are used.
func patternError(string, ...any) {}

// rejects returns a function that reports whether a path is excluded.
func (p Patterns) rejects() func(path string) bool {
	exact := filter.RejectByPattern(p.Exclude, patternError)
	folded := filter.RejectByInsensitivePattern(p.ExcludeInsensitive, patternError)
	return func(path string) bool { return exact(path) || folded(path) }
}

// includes returns a function that reports whether a path is included, and whether something below it may be.
func (p Patterns) includes() func(path string) (matched, childMayMatch bool) {
	exact := filter.IncludeByPattern(p.Include, patternError)
	folded := filter.IncludeByInsensitivePattern(p.IncludeInsensitive, patternError)
	return func(path string) (bool, bool) {
		m1, c1 := exact(path)
		m2, c2 := folded(path)
		return m1 || m2, c1 || c2
	}
}

// restoreFilter returns what the engine asks about each path: whether to restore it, and whether to go into it.
func (p Patterns) restoreFilter() (func(path string, isDir bool) (bool, bool), error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	switch {
	case p.hasExcludes():
		rejects := p.rejects()
		return func(path string, isDir bool) (bool, bool) {
			wanted := !rejects(path)
			return wanted, wanted && isDir
		}, nil
	case p.hasIncludes():
		includes := p.includes()
		return func(path string, isDir bool) (bool, bool) {
			wanted, below := includes(path)
			return wanted, below && isDir
		}, nil
	}
	return func(string, bool) (bool, bool) { return true, true }, nil
}

// xattrs returns what the engine asks about the name of each extended attribute.
func (o *RestoreOptions) xattrs() (func(name string) bool, error) {
	p := Patterns{Include: o.XattrInclude, Exclude: o.XattrExclude}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("extended attributes: %w", err)
	}
	switch {
	case p.hasExcludes():
		rejects := p.rejects()
		return func(name string) bool { return !rejects(name) }, nil
	case p.hasIncludes():
		includes := p.includes()
		return func(name string) bool { matched, _ := includes(name); return matched }, nil
	}
	return func(string) bool { return true }, nil
}
