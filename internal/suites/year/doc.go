// Package year holds the simulation of the promise that a locked bucket makes: whatever
// is in it at any moment can be restored for N more days, whatever keys are stolen.
// Schedules of a year, each from a seed, let hosts back up and a keeper renew, let the
// keeper be dead for weeks and renewals fail half-way, and give an attacker the keys of
// hosts, keepers and admins at random times, with which he does all that the server
// allows.
package year
