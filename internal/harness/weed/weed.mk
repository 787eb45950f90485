# Other real servers than Ceph RGW 16, which make test has. Included by the Makefile.
#
# make test-servers  the suites of the storage on SeaweedFS (built once from the module
#                    proxy, which takes up to an hour; or WEED=FILE), and on an RGW of
#                    another version, where RGW_ENDPOINT and the users' variables name one
#                    (internal/harness/s3test). What is not here is said, loudly.

WEED_VERSION := v0.0.0-20261109003541-7506e5f91cd6
WEED         ?= $(TOOLS)/weed
WEED_SUITES  ?= ./s3state
# What the server does not do (docs/providers.md): policies with the action "*" or with
# users it does not have, keys that are no file names, buckets of a user of a policy only.
WEED_SKIP    ?= TestOddKeys|TestDownloadReportsEachFailure|TestPlantedTarget|TestStateDoesNotChooseTheUser|TestCreateCheckListInfoDelete|TestSaveAttackRestore|TestCaptureReadBack|TestDropVersions$$|TestRestoreGoesOnOnly|TestWaysToReadAreOpen|TestAdoptPutsThePolicyBack|TestAdoptPolicyOfOthers
RGW_ENDPOINT ?=

.PHONY: test-servers weed

weed:
	@test -x "$(WEED)" || { \
	  echo "building SeaweedFS $(WEED_VERSION), once; this takes up to an hour"; \
	  dir=$$(mktemp -d) && cd "$$dir" && $(GO) mod init weed >/dev/null 2>&1 && \
	  $(GO) get github.com/seaweedfs/seaweedfs/weed@$(WEED_VERSION) && \
	  $(GO) build -o "$(WEED)" github.com/seaweedfs/seaweedfs/weed; rc=$$?; rm -rf "$$dir"; exit $$rc; }

test-servers: tools build ## the storage's tests on SeaweedFS and on another RGW (docs/testing.md)
	@status=0; \
	if $(MAKE) --no-print-directory weed; then \
	  $(GO) build -o $(TOOLS)/withweed ./internal/harness/weed/cmd/withweed && \
	  $(TOOLS)/withweed -weed "$(WEED)" -- $(GOTEST) --jsonfile $(TOOLS)/test-weed.json -- $(NOVET) -count=1 -p 1 -parallel 4 -timeout 30m -skip '$(WEED_SKIP)' $(WEED_SUITES) || status=1; \
	else echo "SKIPPED, SEAWEEDFS COULD NOT BE BUILT: nothing was tested on it (WEED=FILE names a binary)"; fi; \
	if test -n "$(RGW_ENDPOINT)"; then \
	  RWM_TEST_S3="$(RGW_ENDPOINT)" $(GOTEST) --jsonfile $(TOOLS)/test-rgw-other.json -- $(NOVET) -count=1 -p 2 -timeout 30m -skip '$(RGW_SKIP)' $(RGW_SUITES) || status=1; \
	else echo "SKIPPED, NO RGW 18 OR 20 WAS NAMED: nothing was tested on one (RGW_ENDPOINT=URL, and RWM_TEST_S3_TENANT, _ADMIN, _HOST, _HOST2)"; fi; \
	exit $$status
