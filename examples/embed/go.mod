// A module of its own, as a program outside of this repository would be: it sees
// the published packages only. docs/embedding.md explains the replace line.
module example.com/embed

go 1.26.0

require github.com/cesnet/rwm v0.1.0

replace github.com/restic/restic/rwmlink => github.com/cesnet/rwm/restic/link v0.1.0
