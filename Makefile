# make        builds bin/rwm and bin/s3dev
# make demo   backup, attack and recovery on the embedded server, with real files
# make test   everything: lint, builds for other systems, all tests (installs what it needs)
# make bench  speed as ratios against the restic CLI, side by side in one run

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

MODULES := . restic/link s3dev examples/embed
GOTEST  := $(TOOLS)/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg

.PHONY: build install demo test lint unit cross bench tools packages clean

build:
	$(GO) build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/rwm ./cmd/rwm
	$(GO) build -C s3dev -ldflags '-s -w' -o ../bin/s3dev ./cmd/s3dev

install: build
	install -D -m 0755 bin/rwm $(DESTDIR)$(PREFIX)/bin/rwm

demo: build
	$(GO) run ./internal/demo -rwm bin/rwm -s3dev bin/s3dev -source "$$($(GO) env GOROOT)/src"

test: packages rgw-packages packaging-packages browser-packages tools build lint cross unit test-rgw

# RWM_REQUIRE turns "not installed" from a skip into a failure, so that a green
# run has run everything this machine can. Packages with goroutines of their own
# run under the race detector; the others start processes, which it cannot see into.
RACE := ./restic/... ./s3state/... ./rwm/... ./fusemount/... ./s3tool/...
unit: export RWM_REQUIRE := $(shell [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo 1)
unit: tools build
	cd s3dev && $(GOTEST) --jsonfile $(TOOLS)/test-s3dev.json -- -race -timeout 20m ./...
	$(GOTEST) --jsonfile $(TOOLS)/test-race.json -- -race -timeout 30m $(RACE)
	$(GOTEST) --jsonfile $(TOOLS)/test-main.json -- -timeout 30m ./cmd/... ./internal/... ./rcc/... ./packaging/...

lint: tools
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not gofmt'd: $$unformatted"; exit 1; }
	for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(TOOLS)/staticcheck ./...) || exit 1; done

# Other systems: everything an importer or a user of the command could build.
cross:
	for os in darwin freebsd windows; do echo "build for $$os" && GOOS=$$os CGO_ENABLED=0 $(GO) build ./... || exit 1; done

bench: tools build
	$(GO) run ./internal/bench -rwm bin/rwm -s3dev bin/s3dev -restic $(RWM_RESTIC)
	$(GO) run ./internal/bench/mountbench -s3dev bin/s3dev -restic $(RWM_RESTIC)

# Debian's packages: an older restic to share repositories with, rclone likewise,
# FUSE for the mount.
packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  for p in restic rclone fuse3; do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	  test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; }; \
	else echo "NOT ROOT OR NO APT: tests that need Debian's restic or fuse3 are skipped where these are missing"; fi

tools: $(RWM_RESTIC) $(TOOLS)/staticcheck $(TOOLS)/gotestsum

$(RWM_RESTIC): internal/tools/restic/go.mod
	$(GO) build -C internal/tools/restic -o $@ github.com/restic/restic/cmd/restic

$(TOOLS)/staticcheck: internal/tools/lint/go.mod
	$(GO) build -C internal/tools/lint -o $@ honnef.co/go/tools/cmd/staticcheck

$(TOOLS)/gotestsum: internal/tools/lint/go.mod
	$(GO) build -C internal/tools/lint -o $@ gotest.tools/gotestsum

include internal/tools/browser.mk
include internal/rgw/rgw.mk
include packaging/packaging.mk

clean:
	rm -rf bin dist .tools
