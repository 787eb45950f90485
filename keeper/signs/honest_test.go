package signs_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

func jpeg(seed uint64) string { return "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + noise(seed, 3000) }
func gz(seed uint64) string   { return "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + noise(seed, 1500) }

// What ordinary programs and people do to files is not alarming, odd as it looks: data
// encrypted by design, archives, dumps, logs, imports, new names for everything.
func TestOddButHonestDays(t *testing.T) {
	t.Parallel()
	seed := func(d, i int) uint64 { return uint64(10_000*d + i) }
	for _, c := range []struct {
		name string
		host int
		days int
		work func(h *host, day int, files map[string]string)
	}{
		{"a borg repository with its segments and indexes", 300, 12, func(h *host, d int, files map[string]string) {
			for i := range 12 {
				files[fmt.Sprintf("borg/data%d", 12*d+i)] = "BORG_SEG" + noise(seed(d, i), 4000)
				delete(files, fmt.Sprintf("borg/data%d", 12*(d-3)+i))
			}
			for _, name := range []string{"index", "hints", "integrity"} {
				delete(files, fmt.Sprintf("borg/%s.%d", name, d-1))
				files[fmt.Sprintf("borg/%s.%d", name, d)] = noise(seed(d, 99), 2000)
			}
			files[fmt.Sprintf("borg/integrity.%d", d)] = text(d, 900)
		}},
		{"files encrypted with gpg beside letters", 300, 12, func(h *host, d int, files map[string]string) {
			for i := range 8 {
				files[fmt.Sprintf("dir%02d/message%d-%d.gpg", i, d, i)] = noise(seed(d, i), 2500)
				files[fmt.Sprintf("dir%02d/pass%d.gpg", i, i)] = noise(seed(d, 50+i), 700)
			}
		}},
		{"containers of LUKS and VeraCrypt", 3, 12, func(h *host, d int, files map[string]string) {
			files["vault/disk.luks"] = "LUKS\xba\xbe\x00\x02" + noise(seed(d, 1), 9000)
			files["vault/disk.hc"] = noise(seed(d, 2), 9000)
		}},
		{"a first repository beside deleted notes", 300, 3, func(h *host, d int, files map[string]string) {
			for i, name := range some(files, 6, "dir03/") {
				delete(files, name)
				files[fmt.Sprintf("dir03/segment%d-%d", d, i)] = noise(seed(d, i), 3000)
			}
		}},
		{"logs that are rotated and packed", 300, 20, func(h *host, d int, files map[string]string) {
			for i := range 10 {
				for n := 7; n > 2; n-- {
					if packed, ok := files[fmt.Sprintf("log/app%d.log.%d.gz", i, n-1)]; ok {
						files[fmt.Sprintf("log/app%d.log.%d.gz", i, n)] = packed
					}
				}
				files[fmt.Sprintf("log/app%d.log.2.gz", i)] = gz(seed(d-2, i))
				files[fmt.Sprintf("log/app%d.log.1", i)] = text(d*100+i, 4000)
				files[fmt.Sprintf("log/app%d.log", i)] = text(d*100+i+1, 2000)
				files[fmt.Sprintf("log/day-%d-%d.log", d, i)] = text(d*100+i, 2100)
				delete(files, fmt.Sprintf("log/day-%d-%d.log", d-3, i))
			}
		}},
		{"dumps of databases, plain and packed", 40, 20, func(h *host, d int, files map[string]string) {
			for i := range 6 {
				files[fmt.Sprintf("dump/db%d.sql", i)] = text(d*100+i, 6000)
				files[fmt.Sprintf("dump/db%d-%d.sql.gz", i, d)] = gz(seed(d, i))
				delete(files, fmt.Sprintf("dump/db%d-%d.sql.gz", i, d-5))
			}
		}},
		{"an import of photos, twice", 200, 2, func(h *host, d int, files map[string]string) {
			for i := range 400 {
				files[fmt.Sprintf("photos%d/img%d.jpg", d, i)] = jpeg(seed(d, i))
			}
		}},
		{"photos edited in place and turned into other types", 200, 6, func(h *host, d int, files map[string]string) {
			for i := range 40 {
				files[fmt.Sprintf("photos/img%d.jpg", i)] = jpeg(seed(d, i))
				delete(files, fmt.Sprintf("photos/raw%d.txt", i+40*(d-1)))
				files[fmt.Sprintf("photos/raw%d.txt", i+40*d)] = text(d+i, 900)
			}
		}},
		{"the whole tree under another name, some of it changed", 300, 4, func(h *host, d int, files map[string]string) {
			for i, name := range slices.Sorted(maps.Keys(files)) {
				content := files[name]
				if i%40 == 0 {
					content = text(d+i, 1700)
				}
				delete(files, name)
				dir, base := path.Split(name)
				if n := strings.Index(dir, "-"); n > 0 {
					dir = dir[n+1:]
				}
				files[fmt.Sprintf("v%d-%s%s", d, dir, base)] = content
			}
		}},
		{"a host with one file, a dump", 0, 20, func(h *host, d int, files map[string]string) { files["db/all.sql"] = text(d, 50_000+200*d) }},
		{"a host with one file, an encrypted dump", 0, 20, func(h *host, d int, files map[string]string) { files["db/all.sql.age"] = noise(seed(d, 0), 50_000) }},
		{"a host with one file, a packed dump", 0, 20, func(h *host, d int, files map[string]string) { files["db/all.sql.gz"] = gz(seed(d, 0)) }},
		{"a spool that comes and goes", 300, 20, func(h *host, d int, files map[string]string) {
			maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasPrefix(name, "spool/") })
			for i := range 40 + 17*d%60 {
				files[fmt.Sprintf("spool/mail%d-%d.eml", d, i)] = text(d*1000+i, 1200)
			}
		}},
		{"old letters tidied away, a few at a time, others written", 400, 40, func(h *host, d int, files map[string]string) {
			for _, name := range some(files, 3, "") {
				delete(files, name)
			}
			for i := range 4 {
				files[fmt.Sprintf("dir%02d/more%d-%d.txt", i, d, i)] = text(d*10+i, 1000)
			}
		}},
		{"installers with their payload, and a cache", 300, 12, func(h *host, d int, files map[string]string) {
			for i := range 5 {
				files[fmt.Sprintf("soft/setup%d.run", i)] = text(1, 1500) + noise(seed(d, i), 9000)
			}
			for i := range 20 {
				files[fmt.Sprintf("cache/%x", seed(d, i))] = []string{noise(seed(d, i), 1000), text(d+i, 1000), jpeg(seed(d, i))}[i%3]
				delete(files, fmt.Sprintf("cache/%x", seed(d-1, i)))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := office(t, c.host)
			if c.host == 0 {
				h = &host{t: t, files: map[string]string{}, store: newStore()}
			}
			for d := 1; d <= c.days; d++ {
				found := h.backup(func(files map[string]string) {
					if c.host > 10 {
						h.work(files)
					}
					c.work(h, d, files)
				})
				if len(found) > 0 {
					o := h.past[len(h.past)-1]
					t.Fatalf("day %d: %v; %+v", d, found, o.Changes)
				}
			}
		})
	}
}
