package signs

import "time"

// Observation is what is kept of one snapshot: its own summary, and how it differs
// from the one before. It holds no file content and survives JSON.
type Observation struct {
	Snapshot string    `json:"snapshot"` // its ID
	Time     time.Time `json:"time"`
	Files    int       `json:"files"`
	Bytes    uint64    `json:"bytes"`
	Seconds  float64   `json:"seconds"` // how long the backup took; 0 if unknown

	// DataAdded is new data before compression and DataPacked as stored, in bytes.
	DataAdded  uint64 `json:"data_added"`
	DataPacked uint64 `json:"data_packed"`

	// Changes is nil if there was nothing to compare with, or no right to read it.
	Changes *Changes `json:"changes,omitempty"`
}

// packed is the stored share of new data, and whether there is enough of it to say.
func (o Observation) packed() (float64, bool) {
	if o.DataAdded < 64<<10 {
		return 0, false
	}
	return float64(o.DataPacked) / float64(o.DataAdded), true
}

// Changes are the differences between two snapshots of a backup, in files. What only
// moved to another path, with the same content, is neither new nor deleted.
type Changes struct {
	Before int `json:"before"` // files in the older snapshot
	After  int `json:"after"`

	New     int `json:"new"`
	Changed int `json:"changed"` // other content under the same path
	Deleted int `json:"deleted"`
	Moved   int `json:"moved"`

	// Renamed files went and came back beside it with other content and an
	// extension that says nothing: Extension is the most frequent one, of
	// WithExtension files. They are among New and Deleted, too.
	Renamed       int    `json:"renamed"`
	Extension     string `json:"extension,omitempty"`
	WithExtension int    `json:"with_extension,omitempty"`

	// Read files were compared where both contents begin to differ; of these, Turned
	// had a known type before and look random there now. Candidates is how many could have
	// been read.
	Candidates int `json:"candidates"`
	Read       int `json:"read"`
	Turned     int `json:"turned"`

	// Notes counts directories with a new file of the name of a ransom note; NoteName
	// is the most frequent one.
	Notes    int    `json:"notes"`
	NoteName string `json:"note_name,omitempty"`

	// Some paths for each sign, at most ten.
	RenamedPaths []string `json:"renamed_paths,omitempty"`
	TurnedPaths  []string `json:"turned_paths,omitempty"`
	NotePaths    []string `json:"note_paths,omitempty"`
	ChangedPaths []string `json:"changed_paths,omitempty"`
	DeletedPaths []string `json:"deleted_paths,omitempty"`

	// Partial reports that there were too many changes to examine all of them.
	Partial bool `json:"partial,omitempty"`
}

// turned estimates how many files turned into noise, from those that were read.
func (c *Changes) turned() float64 {
	if c.Read == 0 {
		return 0
	}
	return float64(c.Turned) * float64(c.Candidates) / float64(c.Read)
}

// replaced is the share of files that have other content now, or went while
// others came.
func (c *Changes) replaced() float64 {
	return share(c.Changed+min(c.New, c.Deleted), c.Before)
}
