GO      ?= go
PREFIX  ?= /usr/local
# The tags of the nested module, restic/link/v…, are on the same commits.
VERSION ?= $(shell git describe --tags --match 'v[0-9]*' --always --dirty 2>/dev/null || echo unknown)

# The tools the tests use, built from the module proxy; their versions stand in
# internal/tools.
TOOLS := $(CURDIR)/.tools
export RWM_RESTIC := $(TOOLS)/restic
export RWM_S3DEV  := $(CURDIR)/bin/s3dev
export RWM_BIN    := $(CURDIR)/bin/rwm

# One way of compiling for the command, the Debian package, lint and the tests, so that
# the libraries are compiled once; only the race detector needs its own.
export CGO_ENABLED ?= 0
export GOFLAGS := $(strip $(filter-out -trimpath,$(shell $(GO) env GOFLAGS)) -trimpath)

MODULES := . restic/link s3dev examples/embed
INMEMORY := sh $(CURDIR)/internal/tools/inmemory.sh
GOTEST  := $(INMEMORY) $(TOOLS)/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg
# lint vets everything; go test need not do so again.
NOVET   := -vet=off

# What each run of the tests leaves for testreport.
RESULTS = $(foreach run,$(1),$(TOOLS)/test-$(run).json)

.PHONY: help build install demo check quick test test-all hook lint unit cross bench bench-row tools packages all-packages clean

build: ## bin/rwm and bin/s3dev
	$(GO) build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/rwm ./cmd/rwm
	$(GO) build -C s3dev -ldflags '-s -w' -o ../bin/s3dev ./cmd/s3dev

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | sort | awk -F '\t' '{printf "make %-19s %s\n", $$1, $$2}'

install: build ## bin/rwm to $(DESTDIR)$(PREFIX)/bin
	install -D -m 0755 bin/rwm $(DESTDIR)$(PREFIX)/bin/rwm

demo: build ## backup, attack and recovery on the embedded server, with real files
	$(GO) run ./internal/tools/demo -rwm bin/rwm -s3dev bin/s3dev -source "$$($(GO) env GOROOT)/src"

# The one command before pushing; with `make hook`, git gives it.
check: quick

# The longest package begins first, and the tests that wait do so six at a time. lint
# ends on one processor, so it runs beside the tests, and is shown after them.
quick: tools ## before pushing: format, vet, staticcheck, tests that start no processes
	@rm -f $(call RESULTS,quick quick-s3dev)
	@$(MAKE) --no-print-directory lint >$(TOOLS)/quick-lint.log 2>&1 & lint=$$!; \
	(cd s3dev && exec $(GOTEST) --jsonfile $(TOOLS)/test-quick-s3dev.json -- $(NOVET) -short ./...) >$(TOOLS)/test-quick-s3dev.log 2>&1 & s3dev=$$!; \
	status=0; $(GOTEST) --jsonfile $(TOOLS)/test-quick.json -- $(NOVET) -short -parallel 6 $(QUICK) || status=1; \
	wait $$lint || status=1; cat $(TOOLS)/quick-lint.log; \
	wait $$s3dev || status=1; cat $(TOOLS)/test-quick-s3dev.log; \
	exit $$status

hook: ## has git run `make quick` before each push
	@hooks=$$(git rev-parse --git-path hooks) && mkdir -p "$$hooks" && \
	printf '#!/bin/sh\n# made by make hook\nexec make quick\n' >"$$hooks/pre-push" && chmod +x "$$hooks/pre-push" && \
	echo "git runs make quick before each push: $$hooks/pre-push"

# RWM_REQUIRE=1 turns "not installed" from a skip into a failure, so that a green run
# has run everything this place can; RWM_REQUIRE=all in the environment fails where the
# place itself falls short as well (no /dev/fuse, no containers).
export RWM_REQUIRE ?= $(shell [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo 1)

all-packages: packages rgw-packages packaging-packages

# Every part runs, whatever another said; the report at the end is of all. The tests on
# Ceph mostly wait for it, and lint ends on one processor, so they run beside the
# others, and are shown after them.
test: all-packages tools build ## every test, as CI runs it (installs what it needs; docs/testing.md)
	@rm -f $(call RESULTS,s3dev race main rgw)
	@status=0; $(MAKE) --no-print-directory -k lint cross >$(TOOLS)/test-lint.log 2>&1 & lint=$$!; \
	$(MAKE) --no-print-directory test-rgw >$(TOOLS)/test-rgw.log 2>&1 & rgw=$$!; \
	$(MAKE) --no-print-directory unit || status=1; \
	wait $$lint || status=1; cat $(TOOLS)/test-lint.log; \
	wait $$rgw || status=1; cat $(TOOLS)/test-rgw.log; \
	$(GO) run ./internal/tools/testreport $$(ls $(call RESULTS,s3dev race main rgw) 2>/dev/null) || status=1; exit $$status

# For a release: nothing cut short, the race detector wherever it can see, every suite
# on Ceph RGW, everything for every system.
test-all: ## everything at full size, for a release
	RWM_TEST_ALL=1 $(MAKE) --no-print-directory test CROSS_BUILD="$(CROSS_ALL)" CROSS_WHAT=./... RGW_SUITES="$(RGW_ALL)" RGW_SKIP="TestDifferential|TestDocs"

# What runs under the race detector has goroutines of its own; the rest starts
# processes, which it cannot see into.
RACE := ./restic/... ./s3state/... ./rwm/... ./keeper/... ./fusemount/... ./s3versions/... ./s3tool/...
RACE := $(foreach p,$(RACE),$(if $(wildcard $(patsubst %/...,%,$(p))/*.go),$(p)))
MAIN = $$($(GO) list ./... | grep -vE '/rwm/(examples|$(subst ./,,$(subst /...,,$(subst $(eval ) ,|,$(strip $(RACE))))))(/|$$)')
QUICK := ./restic ./...
# The race detector takes a C compiler. But for a release it does not watch the inside of
# libraries that only compute on what they are given, a third of its time; -l keeps
# package reflect, through which JSON and XML reach our values, out of them, and watched.
UNWATCHED = github.com/restic/chunker= github.com/klauspost/compress/...= regexp/...= encoding/json=-l encoding/xml=-l
RACEFLAG  = $(if $(shell command -v "$$($(GO) env CC)"),-race $(if $(RWM_TEST_ALL),,$(foreach p,$(UNWATCHED),'-gcflags=$(subst =,=-race=false ,$(p))')))
# The packages under the race detector end with the longest of them alone, so the others
# and s3dev's run beside them at a lower priority, and are shown after them, as those on
# Ceph are.
unit: tools build ## the tests but for those on Ceph RGW
	@status=0; cgo=$(if $(RACEFLAG),1,0); \
	test $$cgo = 1 || echo "NO C COMPILER: the tests run without the race detector"; \
	(cd s3dev && CGO_ENABLED=$$cgo exec nice -n 4 $(GOTEST) --jsonfile $(TOOLS)/test-s3dev.json -- $(NOVET) $(RACEFLAG) -timeout 20m ./...) >$(TOOLS)/test-s3dev.log 2>&1 & s3dev=$$!; \
	nice -n 4 $(GOTEST) --jsonfile $(TOOLS)/test-main.json -- $(NOVET) -p 2 -timeout 30m -parallel 6 $(MAIN) >$(TOOLS)/test-main.log 2>&1 & main=$$!; \
	CGO_ENABLED=$$cgo $(GOTEST) --jsonfile $(TOOLS)/test-race.json -- $(NOVET) $(RACEFLAG) -p 3 -timeout 30m $(RACE) || status=1; \
	wait $$s3dev || status=1; cat $(TOOLS)/test-s3dev.log; \
	wait $$main || status=1; cat $(TOOLS)/test-main.log; \
	exit $$status

lint: tools ## format, vet and staticcheck of all modules
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not gofmt'd: $$unformatted"; exit 1; }
	for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(TOOLS)/staticcheck ./...) || exit 1; done

# Other systems: everything has its types checked for each of them, in seconds. The
# command is compiled for one in every run, and all there is for all of them for a
# release.
CROSS_ALL   := darwin freebsd windows
CROSS_BUILD ?= windows
CROSS_WHAT  ?= ./cmd/rwm
cross: $(TOOLS)/typecheck ## checks that everything builds for other systems
	@for os in $(CROSS_ALL); do echo "check types for $$os" && GOOS=$$os $(TOOLS)/typecheck ./... || exit 1; done
	@for os in $(CROSS_BUILD); do echo "build for $$os" && GOOS=$$os CGO_ENABLED=0 $(GO) build -o /dev/null $(CROSS_WHAT) || exit 1; done

bench: tools $(TOOLS)/kopia build ## speed as ratios against the restic CLI, side by side in one run
	$(GO) run ./internal/tools/bench -rwm bin/rwm -s3dev bin/s3dev -restic $(RWM_RESTIC) -kopia $(TOOLS)/kopia
	$(GO) run ./internal/tools/bench/mountbench -s3dev bin/s3dev -restic $(RWM_RESTIC)

# One row of bench's tables, in a minute or three: make bench-row ROW='reading: find'
# DELAY=20ms CACHE=warm. ROW is a regular expression; without one it prints the names.
bench-row: tools build ## one row of bench: ROW='reading: find' DELAY=20ms CACHE=warm
	$(GO) run ./internal/tools/bench -rwm bin/rwm -s3dev bin/s3dev -restic $(RWM_RESTIC) $(if $(ROW),-only '$(ROW)' -delay '$(DELAY)' -cache '$(CACHE)',-list)

# Debian's packages: an older restic to share repositories with, rclone likewise,
# FUSE for the mount, a C compiler for the race detector.
packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  for p in restic rclone fuse3 gcc libc6-dev; do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	  test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; }; \
	else echo "NOT ROOT OR NO APT: tests that need Debian's restic or fuse3 are skipped where these are missing"; fi

tools: $(RWM_RESTIC) $(TOOLS)/staticcheck $(TOOLS)/gotestsum

$(RWM_RESTIC): internal/tools/restic/go.mod
	$(GO) build -C internal/tools/restic -o $@ github.com/restic/restic/cmd/restic

$(TOOLS)/kopia: internal/tools/kopia/go.mod
	$(GO) build -C internal/tools/kopia -o $@ github.com/kopia/kopia

$(TOOLS)/staticcheck: internal/tools/lint/go.mod
	$(GO) build -C internal/tools/lint -o $@ honnef.co/go/tools/cmd/staticcheck

$(TOOLS)/typecheck: internal/tools/lint/go.mod $(wildcard internal/tools/lint/typecheck/*.go)
	$(GO) build -C internal/tools/lint -o $@ ./typecheck

$(TOOLS)/gotestsum: internal/tools/lint/go.mod
	$(GO) build -C internal/tools/lint -o $@ gotest.tools/gotestsum

include internal/tools/browser.mk
include internal/harness/rgw/rgw.mk
include internal/harness/weed/weed.mk
include packaging/packaging.mk

clean: ## removes what was built, the tools too
	rm -rf bin dist .tools
