# Ceph RGW as the server of the integration tests: a real one, made for the run and
# thrown away. Included by the Makefile.
#
# make rgw-packages  installs Ceph's Debian packages (270 MB) where root and apt are there
# make test-rgw      runs the suites of the embedded server on Ceph RGW; what needs injected
#                    faults, latency or a movable clock skips itself

RGW_PACKAGES := ceph-mon ceph-osd radosgw ceph-common
RGW_SUITES   ?= ./s3state ./restic ./rwm ./cmd/rwm ./s3tool ./rcc ./fusemount ./internal/attack ./internal/endtoend ./internal/migration
# What has no server in it is not repeated: rwm restic against restic on local repositories.
RGW_SKIP     ?= TestDifferential|TestDocs

.PHONY: rgw-packages test-rgw

rgw-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  for p in $(RGW_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	  test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; }; \
	else echo "NOT ROOT OR NO APT: Ceph is not installed by this run"; fi

test-rgw: rgw-packages tools
	@if command -v ceph-mon >/dev/null && command -v ceph-osd >/dev/null && command -v radosgw >/dev/null; then \
	  $(GO) build -o $(TOOLS)/withrgw ./internal/rgw/cmd/withrgw && \
	  $(TOOLS)/withrgw -- $(GOTEST) --jsonfile $(TOOLS)/test-rgw.json -- -count=1 -p 2 -timeout 20m -skip '$(RGW_SKIP)' $(RGW_SUITES); \
	else echo "SKIPPED, CEPH IS NOT INSTALLED: nothing was tested on Ceph RGW (make rgw-packages, as root on Debian)"; fi
