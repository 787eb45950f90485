package fusemount

import (
	"errors"
	"fmt"
	"strings"
)

// The errors that of Mount can be asked about with errors.Is.
var (
	// ErrNoFUSE: the system has no FUSE, or not all of it. The text says what is missing.
	ErrNoFUSE = errors.New("FUSE is not available")
	// ErrMountpoint: the directory cannot be mounted on. The text says why. Nothing was changed.
	ErrMountpoint = errors.New("cannot mount here")
)

// Result tells how a mount ended.
type Result struct {
	// Lazy is set if the file system was in use when it was unmounted. The directory is free, nobody can open anything there any more, and
	// what was open goes on until Close.
	Lazy bool
	// Holders are the processes that used it, as far as this one may see.
	Holders []Holder
}

// Holder is a process that uses a mounted file system.
type Holder struct {
	PID     int
	Command string
	Path    string // one of the paths it uses
}

// String says who it was and where.
func (h Holder) String() string {
	return fmt.Sprintf("%s (process %d) in %s", h.Command, h.PID, h.Path)
}

// String is one line about who was in the way, empty if nobody was.
func (r Result) String() string {
	if !r.Lazy {
		return ""
	}
	text := "it was in use"
	if len(r.Holders) > 0 {
		names := make([]string, len(r.Holders))
		for i, h := range r.Holders {
			names[i] = h.String()
		}
		text += " by " + strings.Join(names, ", ")
	}
	return text + ": the directory was freed all the same"
}
