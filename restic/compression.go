package restic

import (
	"fmt"

	engrepository "github.com/restic/restic/rwmlink/repository"
)

// Compression says how hard data is compressed. Repositories of version 1 are never
// compressed.
type Compression int

// The levels are restic's.
const (
	CompressionAuto Compression = iota
	CompressionOff
	CompressionFastest
	CompressionBetter
	CompressionMax
)

var compressionModes = map[Compression]struct {
	name string
	mode engrepository.CompressionMode
}{
	CompressionAuto:    {"auto", engrepository.CompressionAuto},
	CompressionOff:     {"off", engrepository.CompressionOff},
	CompressionFastest: {"fastest", engrepository.CompressionFastest},
	CompressionBetter:  {"better", engrepository.CompressionBetter},
	CompressionMax:     {"max", engrepository.CompressionMax},
}

// ParseCompression reads auto, off, fastest, better or max.
func ParseCompression(s string) (Compression, error) {
	for c, m := range compressionModes {
		if m.name == s {
			return c, nil
		}
	}
	return 0, fmt.Errorf("invalid compression %q: auto, off, fastest, better or max expected", s)
}

// String returns the name that ParseCompression reads.
func (c Compression) String() string {
	if m, ok := compressionModes[c]; ok {
		return m.name
	}
	return fmt.Sprintf("Compression(%d)", int(c))
}

func (c Compression) mode() engrepository.CompressionMode {
	if m, ok := compressionModes[c]; ok {
		return m.mode
	}
	return engrepository.CompressionInvalid
}
