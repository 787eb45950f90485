// Package resticflags holds the flags of `restic backup` and restic's global
// flags once, for the two places that read them: the command `rwm restic` and
// the `extras` and `backup_extras` lists of a configuration. Whatever one of
// them takes, the other takes too, and a misspelt flag is refused by both in
// the same words.
//
// [Backup] and [Global] are kong structs, to be embedded in a command line.
// [ParseBackup] reads a plain list of arguments, as a configuration has it, and
// does without kong, which a program that imports the library shall not link.
package resticflags
