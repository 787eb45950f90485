# Ceph RGW as the server of the integration tests: a real one, made for the run and
# thrown away. Included by the Makefile.
#
# make rgw-packages  installs Ceph's Debian packages (270 MB), as root with apt
# make test-rgw      runs suites of the embedded server on Ceph RGW; what needs injected
#                    faults, latency or a movable clock skips itself

RGW_PACKAGES := ceph-mon ceph-osd radosgw ceph-common
# In every run, those whose outcome depends on the server.
RGW_SUITES   ?= $(foreach p,s3state s3versions,$(if $(wildcard $(p)),./$(p))) ./rwm ./s3tool ./internal/suites/attack ./internal/suites/migration
# For a release, all that have a server in them.
RGW_ALL      := $(RGW_SUITES) ./restic ./cmd/rwm ./rcc ./fusemount ./internal/suites/endtoend ./internal/suites/histories
# What has no server in it is not repeated: rwm restic against restic on local
# repositories. Faults are injected before the server is reached: at every run on the
# embedded one only. The histories named here make hundreds of backups, and what they are
# about is in the repository's files, not in the server; for a release they run here, too.
RGW_HISTORIES := TestHistoryOfRepairs|TestHistoryReadsOnlyWhatIsNew|TestHistoryWithPassword|TestHistoryAfterADrop|TestHistoryOfAMigrationAndANewPassword|TestHistoryOfPacksDeletedUnderALock|TestHistoryOfBulkySnapshotsAndLocks|TestRandomHistories
RGW_SKIP      ?= TestDifferential|TestDocs|TestFaultsDuring|$(RGW_HISTORIES)

.PHONY: rgw-packages test-rgw

rgw-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  for p in $(RGW_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	  test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; }; \
	else echo "NOT ROOT OR NO APT: Ceph is not installed by this run"; fi

test-rgw: rgw-packages tools ## the tests on a Ceph RGW made for the run
	@if command -v ceph-mon >/dev/null && command -v ceph-osd >/dev/null && command -v radosgw >/dev/null; then \
	  $(GO) build -o $(TOOLS)/withrgw ./internal/harness/rgw/cmd/withrgw && \
	  $(INMEMORY) $(TOOLS)/withrgw -- $(GOTEST) --jsonfile $(TOOLS)/test-rgw.json -- $(NOVET) -count=1 -p 3 -parallel 6 -timeout 20m -skip '$(RGW_SKIP)' $(RGW_SUITES); \
	else echo "SKIPPED, CEPH IS NOT INSTALLED: nothing was tested on Ceph RGW (make rgw-packages, as root on Debian)"; fi
