// Package unchanged finds the parts of a backup's source that are exactly as
// the parent snapshot recorded them, so that restic's archiver need not look at
// them.
//
// A Walker goes through directories ahead of the archiver, several at a time.
// For every entry it writes the text restic would write for it now, and compares
// that with the text in the parent's tree, byte by byte. What is equal is hidden
// from the archiver: its View of a directory names only the entries that differ,
// are new, or could not be judged. From the short tree the archiver makes of
// those, Splice makes the whole one, taking the hidden entries' text from the
// parent's tree. A directory in which nothing differs keeps its parent's tree.
//
// So the archiver still decides about everything that changed, and about
// everything that is odd: whatever the Walker cannot read, does not know or does
// not expect is left to it.
package unchanged
