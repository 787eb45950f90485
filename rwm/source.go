package rwm

import (
	"fmt"
	"io/fs"
)

// source remembers where a Config was read, so that what turns out wrong with it
// later can still be named by file and line.
type source struct {
	name  string         // file name; "" for a Config made in Go
	lines map[string]int // "backups.home.filesdirs" → line
	mode  fs.FileMode    // permission bits of the file; 0 if unknown
	// values are the keys of the top level that have one.
	values []string
}

// at makes the error for the value at path, e.g. "retention.keep-last".
func (s source) at(path, format string, args ...any) *ConfigError {
	return &ConfigError{File: s.name, Line: s.lines[path], Key: path, Msg: fmt.Sprintf(format, args...)}
}
