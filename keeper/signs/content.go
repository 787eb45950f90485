package signs

import (
	"math"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// leastSize is how many bytes it takes to tell random bytes from others.
const leastSize = 512

// known reports whether the content has a type that its first bytes tell, text
// included.
func known(content []byte) bool {
	return !mimetype.Detect(content).Is("application/octet-stream")
}

// random reports whether bytes are as evenly spread as only encrypted (or very well
// compressed) ones are.
func random(content []byte) bool {
	content = content[:min(len(content), 64<<10)]
	if len(content) < leastSize {
		return false
	}
	var counts [256]int
	for _, b := range content {
		counts[b]++
	}
	n, entropy := float64(len(content)), 0.0
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / n
			entropy -= p * math.Log2(p)
		}
	}
	// What n random bytes measure on average, after Miller and Madow; the margin is
	// many times the deviation even for the least size.
	expected := 8 - 255/(2*n*math.Ln2)
	return entropy > expected-0.12
}

// spoilt reports whether content is random, or text of which only the beginning is
// left, before something that was not random in the old content.
func spoilt(old, now []byte) bool {
	isKnown := known(now)
	if random(now) {
		return !isKnown
	}
	if isKnown && !isText(now) {
		return false
	}
	return random(now[len(now)/2:]) && len(old) >= leastSize && !random(old[len(old)/2:])
}

func isText(content []byte) bool {
	for m := mimetype.Detect(content); m != nil; m = m.Parent() {
		if m.Is("text/plain") {
			return true
		}
	}
	return false
}

// harmlessExtensions are of what ordinary programs make of a file when they remove it.
var harmlessExtensions = map[string]bool{
	".gz": true, ".bz2": true, ".xz": true, ".zst": true, ".lz4": true, ".zip": true, ".7z": true,
	".old": true, ".bak": true, ".orig": true, ".save": true, ".tmp": true, ".part": true, ".new": true,
	".dpkg-old": true, ".dpkg-dist": true, ".rpmsave": true, ".rpmorig": true, ".rpmnew": true,
	".o": true, ".obj": true, ".pyc": true, ".class": true, ".so": true, ".a": true,
	".jpg": true, ".jpeg": true, ".png": true, ".webp": true, ".heic": true, ".avif": true, ".gif": true,
	".mp3": true, ".mp4": true, ".mkv": true, ".webm": true, ".flac": true, ".ogg": true, ".opus": true,
	".pdf": true, ".docx": true, ".xlsx": true, ".pptx": true, ".odt": true, ".ods": true, ".odp": true,
	".txt": true, ".md": true, ".html": true, ".csv": true, ".json": true, ".xml": true, ".yml": true,
	".yaml": true, ".log": true, ".js": true, ".ts": true, ".tsx": true, ".jsx": true, ".css": true,
	".c": true, ".cc": true, ".cpp": true, ".h": true, ".go": true, ".py": true, ".rs": true, ".java": true,
	".sql": true, ".db": true, ".sqlite": true, ".sqlite3": true,
}

// vagueExtensions are those of harmlessExtensions that say nothing of the content.
var vagueExtensions = map[string]bool{
	".old": true, ".bak": true, ".orig": true, ".save": true, ".tmp": true, ".part": true, ".new": true,
	".dpkg-old": true, ".dpkg-dist": true, ".rpmsave": true, ".rpmorig": true, ".rpmnew": true, ".db": true,
}

// telling reports whether an extension tells what is in a file.
func telling(ext string) bool { return harmlessExtensions[ext] && !vagueExtensions[ext] }

// harmless reports whether the extension of a path says nothing bad: a common one, a
// number as log rotation gives, or none.
func harmless(p string) bool {
	ext := strings.TrimRight(extension(p), ".-_~0123456789")
	return ext == "" || harmlessExtensions[ext]
}

func extension(p string) string { return strings.ToLower(path.Ext(p)) }

// noteWords are words of which names of ransom notes are made: one of each list, or
// an outright name.
var (
	noteOutright = []string{
		"how_to_decrypt", "how_to_recover", "how_to_restore", "how_to_back_files", "how-to-decrypt",
		"how to decrypt", "how to recover", "how to restore", "decrypt_instruction", "decrypt-instruction",
		"decrypt instruction", "recovery_instruction", "restore_my_files", "restore-my-files",
		"readme_for_decrypt", "read_me_for_decrypt", "files_encrypted", "files-encrypted",
		"your_files_are", "your files are", "ransom_note", "ransomnote", "_readme_unlock", "!readme!",
		"recover_your_files", "recover-your-files", "unlock_files", "unlock-files", "howdecrypt",
		"how_decrypt", "@please_read_me@", "help_decrypt", "help_your_files", "help_restore_files",
	}
	noteAsk  = []string{"readme", "read_me", "read-me", "how_to", "how-to", "howto", "help", "instruction"}
	noteWhat = []string{"decrypt", "recover", "restore", "unlock", "ransom", "encrypted"}
)

// noteEndings are what a note is written in. A script named restore-readme.sh is none.
var noteEndings = map[string]bool{
	"": true, ".txt": true, ".html": true, ".htm": true, ".hta": true, ".rtf": true, ".bmp": true, ".png": true,
}

func looksLikeNote(name string) bool {
	name = strings.ToLower(name)
	if !noteEndings[path.Ext(name)] {
		return false
	}
	contains := func(words []string) bool {
		for _, word := range words {
			if strings.Contains(name, word) {
				return true
			}
		}
		return false
	}
	return contains(noteOutright) || contains(noteAsk) && contains(noteWhat)
}

// notes counts the directories in which a note appeared.
func (c *comparison) notes() {
	dirs := map[string]map[string]bool{}
	for _, f := range c.added {
		dir, name := path.Split(f.path)
		if !looksLikeNote(name) || f.size > 4<<20 {
			continue
		}
		if dirs[name] == nil {
			dirs[name] = map[string]bool{}
		}
		dirs[name][dir] = true
		if len(c.NotePaths) < mostPaths {
			c.NotePaths = append(c.NotePaths, shown(f.path))
		}
	}
	for name, in := range dirs {
		if len(in) > c.Notes || len(in) == c.Notes && shown(name) < c.NoteName {
			c.Notes, c.NoteName = len(in), shown(name)
		}
	}
}

// mostPaths is how many paths are kept for a sign.
const mostPaths = 10

// somePaths are the first paths in order, fit to be shown.
func somePaths[T interface{ name() string }](files []T) (paths []string) {
	for _, f := range files {
		paths = append(paths, f.name())
	}
	// Maps were gone through: an order of our own makes results repeatable.
	slices.Sort(paths)
	paths = paths[:min(len(paths), mostPaths)]
	for i := range paths {
		paths[i] = shown(paths[i])
	}
	return paths
}
