package rwm

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The errors of this package. Those of the storage come from packages restic and
// s3state: [restic.ErrNoBucket], [restic.ErrUnreachable], [restic.ErrAccessDenied],
// [restic.ErrNoRepository], [restic.ErrWrongPassword], [s3state.ErrNotVersioned] and so
// on.
var (
	// ErrConfig is wrapped by every error about a configuration.
	ErrConfig = errors.New("configuration error")
	// ErrUnknownBackup: the configuration has no backup of that name.
	ErrUnknownBackup = errors.New("no such backup")
	// ErrRunLocked is wrapped by [*RunLockedError].
	ErrRunLocked = errors.New("another backup run is in progress")
	// ErrHook is wrapped by [*HookError].
	ErrHook = errors.New("hook failed")
)

// ConfigError is one thing wrong with a configuration. It wraps [ErrConfig] and
// never contains the value of a secret.
type ConfigError struct {
	File string // file name; empty for a Config made in Go
	Line int    // line in the file, counted from 1; 0 if not known
	Key  string // path of the key, as "backups.home.filesdirs"
	Msg  string // what is wrong and what would be right
}

func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	} else if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Key != "" {
		fmt.Fprintf(&b, "%s: ", e.Key)
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Unwrap makes errors.Is(err, ErrConfig) true.
func (e *ConfigError) Unwrap() error { return ErrConfig }

// RunLockedError names the holder of the run lock. It wraps [ErrRunLocked].
type RunLockedError struct {
	Path  string    // the lock file
	PID   int       // process id of the holder; 0 if unknown
	Host  string    // its host; "" if unknown
	Since time.Time // when it took the lock; zero if unknown
}

func (e *RunLockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another backup run is in progress, or another program holds the lock: %s is locked, and does not say by whom (fuser %s tells); nothing was done", e.Path, e.Path)
	}
	return fmt.Sprintf("another backup run is in progress: process %d on %s since %s holds %s; nothing was done",
		e.PID, e.Host, e.Since.Format(time.DateTime), e.Path)
}

// Unwrap makes errors.Is(err, ErrRunLocked) true.
func (e *RunLockedError) Unwrap() error { return ErrRunLocked }

// HookError reports a failed hook. It wraps [ErrHook] and, if there is one, the error
// of running it.
type HookError struct {
	Backup  string // the backup's name
	Phase   HookPhase
	Index   int    // which command of the list, from 0
	Command string // as configured; the error's text has its first word only; "" of a function
	Code    int    // exit code as a shell reports it: 126 or 127 if it did not start, 128+n if killed by signal n
	Err     error
}

func (e *HookError) Error() string {
	if e.Command == "" && e.Err != nil {
		return fmt.Sprintf("the function %q of backup %q failed: %v", e.Phase, e.Backup, e.Err)
	}
	return fmt.Sprintf("%s command %d of backup %q (%s) failed with return code %d", e.Phase, e.Index+1, e.Backup, program(e.Command), e.Code)
}

// program is the first word of a command, "…" if that tells nothing. The rest may
// hold a password.
func program(command string) string {
	word, rest, _ := strings.Cut(strings.TrimSpace(command), " ")
	switch {
	case word == "" || strings.ContainsAny(word, "=$`\"'\n"):
		return "…"
	case rest != "":
		return word + " …"
	}
	return word
}

// Unwrap gives ErrHook and the cause.
func (e *HookError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrHook}
	}
	return []error{ErrHook, e.Err}
}
