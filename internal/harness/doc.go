// Package harness says how large a run of the tests is and what the machine must have:
//
//	RWM_TEST_ALL=1     everything at full size, as `make test-all` sets it
//	RWM_REQUIRE=1      a program that could be installed is there, or the test fails
//	RWM_REQUIRE=all    so is what the kernel or the container must allow
//
// Its packages are what tests are made of: s3test is an S3 server to test with,
// cheapkeys repositories that open at once, resticcli the real restic command, treecmp
// the comparison of two trees, rgw a Ceph RGW made for the run, ports the TCP ports for
// such servers. docs/testing.md is the guide.
package harness
