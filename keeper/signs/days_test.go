package signs_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/keeper/signs"
)

// host is a backup over days: its files, and what the keeper has seen of it.
type host struct {
	t     *testing.T
	files map[string]string
	past  []signs.Observation
	store *store
	day   int
	grows bool
}

// backup makes the backup of a day and returns what is alarming about it.
func (h *host) backup(change func(files map[string]string)) (found []signs.Kind) {
	before := maps.Clone(h.files)
	change(h.files)
	o := signs.Observation{Snapshot: fmt.Sprint(h.day), Time: start.AddDate(0, 0, h.day), Files: len(h.files), Seconds: 60}
	known := map[string]bool{}
	for _, content := range before {
		known[content] = true
	}
	for _, content := range h.files {
		o.Bytes += uint64(len(content))
		if !known[content] {
			known[content] = true
			o.DataAdded += uint64(len(content))
			o.DataPacked += uint64(packed(content))
		}
	}
	if h.day > 0 {
		var err error
		o.Changes, err = signs.Compare(h.t.Context(), h.store, h.store.snapshot(before), h.store.snapshot(h.files), len(before), len(h.files), signs.CompareOptions{Read: 40})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	found = kinds(signs.Judge(h.past, o, signs.Normal))
	h.past = append(h.past, o)
	h.past = h.past[max(0, len(h.past)-60):]
	h.day++
	return found
}

// packed is about what compression leaves.
func packed(content string) int {
	if strings.Count(content, content[:min(20, len(content))]) > 1 {
		return len(content) / 8
	}
	return len(content)
}

// office is a host with n letters of which a few change each day.
func office(t *testing.T, n int) *host {
	h := &host{t: t, files: map[string]string{}, store: newStore(), grows: n > 10}
	for i := range n {
		h.files[fmt.Sprintf("dir%02d/letter%d.txt", i%20, i)] = text(i, 2000)
	}
	for range 20 {
		if found := h.backup(h.work); len(found) > 0 {
			t.Fatalf("day %d: %v", h.day, found)
		}
	}
	return h
}

// work is an honest day: two in a hundred letters are written anew, one comes.
func (h *host) work(files map[string]string) {
	for i, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".txt") && i%50 == h.day%50 {
			files[name] = text(1000*h.day+i, 2000+h.day)
		}
	}
	if h.grows {
		files[fmt.Sprintf("dir%02d/new%d.txt", h.day%20, h.day)] = text(h.day, 1500)
	}
}

// some are n of the files that still are as they were before the attack.
func some(files map[string]string, n int, in string) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, in) && strings.HasPrefix(files[name], "Line") && strings.Count(files[name], "Line") > 20 && len(list) < n {
			list = append(list, name)
		}
	}
	return list
}

// Attacks that are slow, small or careful are alarming within days.
func TestCarefulAttacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		host   int // its files
		within int // days
		attack func(day int, files map[string]string)
	}{
		{"1 % a day, in place", 500, 3, func(d int, files map[string]string) {
			for i, name := range some(files, 5, "") {
				files[name] = noise(uint64(1000*d+i), len(files[name]))
			}
		}},
		{"1 % a day, other names, the same extension", 500, 3, func(d int, files map[string]string) {
			for i, name := range some(files, 5, "") {
				files[path.Dir(name)+fmt.Sprintf("/%x.txt", 7919*d+i)] = noise(uint64(1000*d+i), len(files[name]))
				delete(files, name)
			}
		}},
		{"1 % a day, other names and extensions", 500, 3, func(d int, files map[string]string) {
			for i, name := range some(files, 5, "") {
				files[path.Dir(name)+fmt.Sprintf("/%x.%x", 7919*d+i, 104729*(10*d+i))] = noise(uint64(1000*d+i), len(files[name]))
				delete(files, name)
			}
		}},
		{"1 % a day, the first 512 bytes kept", 500, 3, func(d int, files map[string]string) {
			for i, name := range some(files, 5, "") {
				files[name] = files[name][:512] + noise(uint64(1000*d+i), len(files[name])-512)
			}
		}},
		{"one directory of many changes", 2000, 2, func(d int, files map[string]string) {
			for i, name := range some(files, 30, "dir07/") {
				files[name] = noise(uint64(1000*d+i), len(files[name]))
			}
		}},
		{"a host with one file", 1, 1, func(d int, files map[string]string) {
			for name := range files {
				files[name] = noise(uint64(d), len(files[name]))
			}
		}},
		{"a host with five files, one a day", 5, 2, func(d int, files map[string]string) {
			for _, name := range some(files, 1, "") {
				files[name] = noise(uint64(d), len(files[name]))
			}
		}},
		{"deletions only, 1 % a day", 500, 45, func(_ int, files map[string]string) {
			for _, name := range some(files, 5, "") {
				delete(files, name)
			}
		}},
		{"most of it excluded", 500, 1, func(_ int, files map[string]string) {
			maps.DeleteFunc(files, func(name, _ string) bool { return name > "dir08" })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := office(t, c.host)
			var found []signs.Kind
			for d := 1; d <= c.within && len(found) == 0; d++ {
				found = h.backup(func(files map[string]string) {
					if c.host > 10 {
						h.work(files)
					}
					c.attack(d, files)
				})
			}
			if len(found) == 0 {
				t.Errorf("nothing was alarming within %d days; last %+v", c.within, h.past[len(h.past)-1].Changes)
			}
		})
	}
}
