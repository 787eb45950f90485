// Package embedtest holds tests about what an importer of the module sees: the
// examples built as an outside program would build them, the direction of
// imports, and that no type of restic's own packages shows in an exported API.
package embed
