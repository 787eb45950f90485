package signs

import "fmt"

// Sensitivity is how readily [Judge] raises an alarm.
type Sensitivity string

// The sensitivities, from no alarms at all to many.
const (
	Off      Sensitivity = "off"
	Low      Sensitivity = "low"
	Normal   Sensitivity = "normal"
	High     Sensitivity = "high"
	Paranoid Sensitivity = "paranoid"
)

// ParseSensitivity reads one of the five words; the empty string is [Normal].
func ParseSensitivity(word string) (Sensitivity, error) {
	switch s := Sensitivity(word); s {
	case "":
		return Normal, nil
	case Off, Low, Normal, High, Paranoid:
		return s, nil
	}
	return "", fmt.Errorf("unknown sensitivity %q: use off, low, normal, high or paranoid", word)
}

// thresholds are shares of the files of a backup unless their names say otherwise.
type thresholds struct {
	few      int     // files below which a count means nothing
	turned   float64 // files whose content turned into noise, in a week
	renamed  float64 // files renamed to one new extension, in a week
	changed  float64 // files changed from one snapshot to the next
	lost     float64 // of files or bytes, against the median of the past
	packed   float64 // stored size of new data, as a share of its plain size
	noteDirs int     // directories that got the same ransom note
	deviates float64 // how many MADs from the median are unusual
	slower   float64 // times the usual duration
}

var levels = map[Sensitivity]thresholds{
	Low: {few: 10, turned: 0.02, renamed: 0.04, changed: 0.5, lost: 0.75,
		packed: 0.95, noteDirs: 5, deviates: 12, slower: 16},
	Normal: {few: 3, turned: 0.002, renamed: 0.01, changed: 0.2, lost: 0.5,
		packed: 0.9, noteDirs: 2, deviates: 8, slower: 8},
	High: {few: 2, turned: 0.001, renamed: 0.005, changed: 0.1, lost: 0.35,
		packed: 0.85, noteDirs: 1, deviates: 6, slower: 5},
	Paranoid: {few: 1, turned: 0, renamed: 0, changed: 0.05, lost: 0.2,
		packed: 0.8, noteDirs: 1, deviates: 4, slower: 3},
}
