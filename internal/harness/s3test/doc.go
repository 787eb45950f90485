// Package s3test gives tests an S3 server: call [Start].
//
// The server is the s3dev command of this repository, a separate module so
// that importers of rwm never see its dependencies. It is built once, kept in
// the user's cache directory, and runs as a child process of the test. Set
// RWM_S3DEV to the path of a ready binary to skip the build.
//
// With RWM_TEST_S3 set to the URL of a real server the same tests run against
// that: RWM_TEST_S3_ADMIN, RWM_TEST_S3_HOST and RWM_TEST_S3_HOST2 then hold
// the identities as NAME:ACCESS:SECRET, RWM_TEST_S3_TENANT their tenant. Tests
// that move the clock, inject faults or count requests are skipped there.
package s3test
