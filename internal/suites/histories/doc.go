// Package histories is the suite of random histories of a policed bucket: honest ones,
// of several hosts and an admin, and ones with an attacker who has the host's keys and
// the password. What RWM then says of them is compared with the truth, which the suite
// knows. It holds tests only.
package histories
