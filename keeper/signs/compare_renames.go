package signs

import (
	"path"
	"slices"
	"strings"
)

// renames pairs deleted files with new ones of another content beside them: NAME.EXT
// became NAME.EXT.NEW or NAME.NEW, or as many files of a directory came as went and
// all of them have one extension.
func (c *comparison) renames() {
	added := map[string]map[string][]int{} // directory → name without its last extension
	for i, f := range c.added {
		dir, base := path.Split(f.path)
		if added[dir] == nil {
			added[dir] = map[string][]int{}
		}
		stem := strings.TrimSuffix(base, path.Ext(base))
		added[dir][stem] = append(added[dir][stem], i)
	}
	used := map[int]bool{}
	for _, f := range c.removed {
		dir, base := path.Split(f.path)
		for _, stem := range []string{base, strings.TrimSuffix(base, path.Ext(base))} {
			i := slices.IndexFunc(added[dir][stem], func(i int) bool {
				return !used[i] && extension(c.added[i].path) != extension(f.path) && !harmless(c.added[i].path)
			})
			if i >= 0 {
				used[added[dir][stem][i]] = true
				c.renamed = append(c.renamed, pair{f, c.added[added[dir][stem][i]]})
				break
			}
		}
	}
	c.renamedWholly(used)
	c.replacedSome()
	counts := map[string]int{}
	for _, p := range c.renamed {
		counts[extension(p.now.path)]++
	}
	c.Renamed = len(c.renamed)
	for ext, n := range counts {
		if n > c.WithExtension || n == c.WithExtension && ext < c.Extension {
			c.Extension, c.WithExtension = ext, n
		}
	}
	c.RenamedPaths = somePaths(slices.DeleteFunc(slices.Clone(c.renamed), func(p pair) bool {
		return extension(p.now.path) != c.Extension
	}))
}

// renamedWholly pairs what is left in a directory whose files got names that have
// nothing in common with the old ones, but all of them one new extension.
func (c *comparison) renamedWholly(used map[int]bool) {
	paired := map[string]bool{}
	for _, p := range c.renamed {
		paired[p.old.path] = true
	}
	gone, come := map[string][]file{}, map[string][]file{}
	for _, f := range c.removed {
		if dir := path.Dir(f.path); !paired[f.path] {
			gone[dir] = append(gone[dir], f)
		}
	}
	for i, f := range c.added {
		if dir := path.Dir(f.path); !used[i] && !harmless(f.path) && len(gone[dir]) > 0 {
			come[dir] = append(come[dir], f)
		}
	}
	for dir, files := range come {
		ext := extension(files[0].path)
		if slices.ContainsFunc(files, func(f file) bool { return extension(f.path) != ext }) ||
			slices.ContainsFunc(gone[dir], func(f file) bool { return extension(f.path) == ext }) {
			continue
		}
		for i := range min(len(files), len(gone[dir])) {
			c.renamed = append(c.renamed, pair{gone[dir][i], files[i]})
		}
	}
}

// replacedSome pairs what is left of a directory: files whose extension tells what was
// in them, and others that came with the same extension or one that says nothing. Names
// alone say nothing bad of these pairs; contents does.
func (c *comparison) replacedSome() {
	old, now := map[string]bool{}, map[string]bool{}
	for _, p := range c.renamed {
		old[p.old.path], now[p.now.path] = true, true
	}
	type place struct{ dir, ext string }
	gone := map[place][]file{}
	for _, f := range c.removed {
		if ext := extension(f.path); !old[f.path] && telling(ext) {
			gone[place{path.Dir(f.path), ext}] = append(gone[place{path.Dir(f.path), ext}], f)
			gone[place{path.Dir(f.path), ""}] = append(gone[place{path.Dir(f.path), ""}], f)
		}
	}
	for _, f := range c.added {
		at := place{path.Dir(f.path), extension(f.path)}
		if now[f.path] || !telling(at.ext) && harmless(f.path) {
			continue
		}
		if !telling(at.ext) {
			at.ext = ""
		}
		for len(gone[at]) > 0 {
			was := gone[at][0]
			gone[at] = gone[at][1:]
			if !old[was.path] {
				old[was.path] = true
				c.replaced = append(c.replaced, pair{was, f})
				break
			}
		}
	}
}
