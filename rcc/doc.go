// Package rcc runs rclone with a crypt overlay on a bucket, inside this process. It is
// the library behind `rwm rcc`.
//
// Call [Run]. The remote "rwmbe:" is rclone's crypt remote over the bucket of a
// [Config]: names and contents are encrypted with its password before they leave the
// host. The commands and flags are rclone's own, with its backends local, s3 and
// crypt. A stock rclone with the settings that [Config] documents reads what this
// package wrote, and the reverse.
//
// rclone keeps its configuration, flags and statistics in global variables and ends the
// process itself. So a process can call Run only once, and must have nothing else to
// do. For this reason, and because it adds 17 MB, two fifths of the rwm binary, rwm's
// library packages do not import this one: a program that embeds them gets no rclone
// (docs/embedding.md has the figures).
//
// No configuration file is read or written, and no secret appears in arguments or in
// the environment.
package rcc
