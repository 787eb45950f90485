// Package noconfig keeps rclone from making a directory for its configuration file
// in the user's home whenever a program that links it starts, whatever that program
// does.
//
// rclone does so while its packages are initialized, unless RCLONE_CONFIG is set. This
// package sets it, before that: among packages whose imports are initialized, Go
// takes the one with the lowest path first, and this one imports nothing that
// rclone's does not, and sorts before github.com/rclone. [Undo] takes the setting back.
package noconfig

import "os"

const variable = "RCLONE_CONFIG"

var ours = func() bool {
	if _, set := os.LookupEnv(variable); set {
		return false
	}
	return os.Setenv(variable, os.DevNull) == nil
}()

// Undo leaves the environment as the program found it, for the programs that it runs.
func Undo() {
	if ours {
		os.Unsetenv(variable) //nolint:errcheck // it is set
	}
}
