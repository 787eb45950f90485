package signs

import "github.com/cesnet/rwm/internal/printable"

// mostShown is how many bytes of a name are kept.
const mostShown = 300

// shown makes a name from a backup fit to be shown.
func shown(name string) string { return printable.Text(name, mostShown) }
