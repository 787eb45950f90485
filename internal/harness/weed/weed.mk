# Other real servers than Ceph RGW 16, which make test has. Included by the Makefile.
#
# make test-servers  the suites of the storage on SeaweedFS (built once from the module
#                    proxy, which takes up to an hour; or WEED=FILE), and those of
#                    the storage, of attacks, locks and sealed hosts on the gateways of
#                    newer Debian releases, RGW 18 and 20 (installed once into
#                    directories of SERVERS, 1.2 GB each; CEPH_SUITES="" leaves them
#                    out). Where one cannot be had, that is said, loudly.

WEED_VERSION := v0.0.0-20261109003541-7506e5f91cd6
# Outside of the tree: they are large, and a tree is what a module is made of.
SERVERS      ?= $(HOME)/.cache/rwm-test-servers
WEED         ?= $(SERVERS)/weed
WEED_SUITES  ?= ./s3state
# Faults are injected before the server is reached, at every run on the embedded one;
# the server's own slowness is not to be among them.
WEED_SKIP    ?= TestFaultsDuring
CEPH_SUITES  ?= trixie sid
RGW_NEWER    ?= ./s3state ./internal/suites/attack
# What the command does about locks, adoption and sealed hosts, a whole life of one
# among it. The gateway's own tests, where lifecycle has days of seconds, start their
# gateways.
RGW_NEWER_SCRIPTS ?= TestScripts/^(lock|adopt|sealed|sealed_life|storage)$$
CEPH_ROOTS   ?= $(SERVERS)

.PHONY: test-servers weed

weed:
	@test -x "$(WEED)" || { \
	  echo "building SeaweedFS $(WEED_VERSION), once; this takes up to an hour"; \
	  mkdir -p "$(dir $(abspath $(WEED)))" && dir=$$(mktemp -d) && cd "$$dir" && $(GO) mod init weed >/dev/null 2>&1 && \
	  $(GO) get github.com/seaweedfs/seaweedfs/weed@$(WEED_VERSION) 2>"$$dir/log" && \
	  $(GO) build -o "$(abspath $(WEED))" github.com/seaweedfs/seaweedfs/weed; rc=$$?; \
	  test $$rc = 0 || tail -n 5 "$$dir/log"; rm -rf "$$dir"; exit $$rc; }

test-servers: tools build ## the storage's tests on SeaweedFS, RGW 18 and 20 (docs/testing.md)
	@status=0; \
	if $(MAKE) --no-print-directory weed; then \
	  $(GO) build -o $(TOOLS)/withweed ./internal/harness/weed/cmd/withweed && \
	  $(TOOLS)/withweed -weed "$(WEED)" -- $(GOTEST) --jsonfile $(TOOLS)/test-weed.json -- $(NOVET) -count=1 -p 1 -parallel 4 -timeout 30m -skip '$(WEED_SKIP)' $(WEED_SUITES) || status=1; \
	else echo "SKIPPED, SEAWEEDFS COULD NOT BE BUILT: nothing was tested on it (WEED=FILE names a binary)"; fi; \
	$(GO) build -o $(TOOLS)/withrgw ./internal/harness/rgw/cmd/withrgw || exit 1; \
	mkdir -p "$(CEPH_ROOTS)"; \
	for suite in $(CEPH_SUITES); do \
	  root="$(abspath $(CEPH_ROOTS))/$$suite"; log="$$root.log"; \
	  test -e "$$root/complete" || echo "installing Ceph of Debian $$suite, once; this takes some minutes"; \
	  if internal/harness/rgw/newer.sh $$suite "$$root" >"$$log" 2>&1; then \
	    $(TOOLS)/withrgw -root "$$root" -- $(GOTEST) --jsonfile $(TOOLS)/test-rgw-$$suite.json -- $(NOVET) -count=1 -p 2 -parallel 4 -timeout 30m -skip '$(RGW_SKIP)' $(RGW_NEWER) || status=1; \
	    $(TOOLS)/withrgw -root "$$root" -- $(GOTEST) --jsonfile $(TOOLS)/test-rgw-$$suite-scripts.json -- $(NOVET) -count=1 -parallel 4 -timeout 30m -run '$(RGW_NEWER_SCRIPTS)' ./cmd/rwm || status=1; \
	    RWM_TEST_CEPH_ROOT="$$root" $(GOTEST) --jsonfile $(TOOLS)/test-rgw-$$suite-lock.json -- $(NOVET) -count=1 -timeout 30m ./internal/harness/rgw || status=1; \
	  else echo "SKIPPED, CEPH OF DEBIAN $$suite COULD NOT BE INSTALLED: nothing was tested on it: $$(tail -n 1 "$$log")"; fi; \
	done; \
	exit $$status
