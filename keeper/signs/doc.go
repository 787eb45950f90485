// Package signs looks for ransomware in what is backed up.
//
// The version history of a bucket is blind to it: a host that faithfully backs up
// files an attacker has encrypted does what it should. What gives the attacker away
// is the change from one snapshot of a backup to the next, measured against the past
// of that same backup. [Compare] finds the changes between two snapshots from their
// trees; [Judge] says which of them are alarming.
//
// What a snapshot claims is written by the host, and a compromised host can write
// anything. These signs catch ransomware that encrypts files and lets the backups
// run, which is the common kind.
package signs
