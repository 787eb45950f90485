// Package rgw runs a throw-away Ceph RADOS Gateway for tests: one monitor, one
// in-memory storage daemon and one gateway, plain child processes below one
// directory. Nothing outside of it is read or written, no service is registered, and
// the processes die with the one that started them.
//
// [Start] makes the cluster and its users and returns when the gateway answers, after
// about two seconds. [Cluster.Stop] ends it. The command
// internal/harness/rgw/cmd/withrgw runs a program, such as `go test ./s3state`, with a
// cluster beside it.
//
// The programs of Ceph have to be installed; [Missing] tells which are not (Debian:
// `make rgw-packages`).
package rgw
