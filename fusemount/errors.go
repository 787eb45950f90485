package fusemount

import (
	"errors"
	"fmt"
	"strings"
)

// Errors returned by Mount, for errors.Is.
var (
	// ErrNoFUSE: FUSE is missing or incomplete on this system. The text names what is
	// missing.
	ErrNoFUSE = errors.New("FUSE is not available")
	// ErrMountpoint: the directory cannot be mounted on. The text explains why. Nothing
	// was changed.
	ErrMountpoint = errors.New("cannot mount here")
)

// Result describes how a mount ended.
type Result struct {
	// Lazy is set if the file system was in use when it was unmounted. The directory is
	// free and nothing in it can be opened any more, but open files stay readable until
	// Close.
	Lazy bool
	// Holders are the processes that used it, as far as this process can see them.
	Holders []Holder
}

// Holder is a process that uses a mounted file system.
type Holder struct {
	PID     int
	Command string
	Path    string // one of the paths it uses
}

// String returns the process and the path.
func (h Holder) String() string {
	return fmt.Sprintf("%s (process %d) in %s", h.Command, h.PID, h.Path)
}

// String returns one line that names the holders, or "" if the file system was not in
// use.
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
