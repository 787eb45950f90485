package restic

import "path/filepath"

// LocalDir returns the absolute path of a location that Local made, and false for any
// other.
func LocalDir(loc Location) (string, bool) {
	dir, ok := loc.(localLocation)
	if !ok {
		return "", false
	}
	abs, err := filepath.Abs(string(dir))
	return abs, err == nil
}
