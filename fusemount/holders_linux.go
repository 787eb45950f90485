package fusemount

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const mostHolders = 10

// holders finds the processes that use a mounted file system: by their working
// directory, an open file or their executable. It reads the links in /proc, which sends
// no request to the file system.
func holders(dir string) (found []Holder) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		if used := usedBy(filepath.Join("/proc", p.Name()), dir); used != "" {
			found = append(found, Holder{PID: pid, Command: command(pid), Path: used})
			if len(found) == mostHolders {
				break
			}
		}
	}
	return found
}

// usedBy returns a path below dir that the process uses, or "".
func usedBy(proc, dir string) string {
	links := []string{"cwd", "root", "exe"}
	for _, sub := range []string{"fd", "map_files"} {
		entries, _ := os.ReadDir(filepath.Join(proc, sub))
		for _, e := range entries {
			links = append(links, filepath.Join(sub, e.Name()))
		}
	}
	for _, link := range links {
		if target, err := os.Readlink(filepath.Join(proc, link)); err == nil && inside(target, dir) {
			return target
		}
	}
	return ""
}

func command(pid int) string {
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return "a process"
	}
	return strings.TrimSpace(string(name))
}
