package harness

import (
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// All reports whether this run is one for a release, where no suite is cut short.
func All() bool { return os.Getenv("RWM_TEST_ALL") != "" }

// Size is how much of something a test does: small in every run, all of it for a
// release.
func Size(small, all int) int {
	if All() {
		return all
	}
	return small
}

// SizeRaced is Size for what only computes: the race detector sees all there is to see
// in a little of it, also for a release.
func SizeRaced(raced, small, all int) int {
	if Raced {
		return raced
	}
	return Size(small, all)
}

// Checks is the number of random cases that rapid.Check tries in an everyday run, until
// the test ends; for a release it is rapid's own 100. A number on the command line
// (-rapid.checks) stands. Tests with different numbers do not run in parallel.
func Checks(t testing.TB, everyday int) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	if checks == nil {
		t.Fatal("harness.Checks: this test does not use rapid")
	}
	before := checks.Value.String()
	if All() || before != checks.DefValue {
		return
	}
	set := func(n string) {
		if err := checks.Value.Set(n); err != nil {
			t.Fatal(err)
		}
	}
	set(strconv.Itoa(everyday))
	t.Cleanup(func() { set(before) })
}

// Seed is a number to make a test's random input from. The log has it, and RWM_SEED in
// the environment makes the same input again.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed, _ := FirstSeed(t, rand.Uint64())
	return seed
}

// FirstSeed is for a test that makes many inputs, each from the seed after the one
// before, and names them by their seeds: it is the first of these. It is usual, unless
// RWM_SEED gives another one.
func FirstSeed(t testing.TB, usual uint64) (first uint64, given bool) {
	t.Helper()
	first = usual
	if text := os.Getenv("RWM_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("RWM_SEED=%s: %v", text, err)
		}
		given = true
	}
	t.Logf("RWM_SEED=%d", first)
	return first, given
}

// OnlyForRelease skips a test that an everyday run has no time for. What it tests must
// be tested in small by another one.
func OnlyForRelease(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skip("only for a release: in make test-all, or with RWM_TEST_ALL=1")
	}
}

// NotShort skips a test that is no part of `make quick`: it starts processes, or takes
// more than a second or two.
func NotShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("not in make quick")
	}
}

// NeedPrograms skips the test where one of the programs is not installed, with the
// advice how to install them; where RWM_REQUIRE is set, it fails.
func NeedPrograms(t testing.TB, advice string, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			NotInstalled(t, "the program "+p+" is not installed ("+advice+")")
		}
	}
}

// NotInstalled ends a test that needs something which could be installed: it is
// skipped, or fails where RWM_REQUIRE is set.
func NotInstalled(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("RWM_REQUIRE") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// NotHere ends a test for which this place is not made, such as a container without
// /dev/fuse: it is skipped, or fails where RWM_REQUIRE is "all".
func NotHere(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("RWM_REQUIRE") == "all" {
		t.Fatal(reason)
	}
	t.Skip("not in this place: " + reason)
}

// NotOnThisServer skips a test that this S3 server is not made for: what only the
// embedded one can, or what a real one may do or not do.
func NotOnThisServer(t testing.TB, reason string) {
	t.Helper()
	t.Skip("not on this server: " + reason)
}
