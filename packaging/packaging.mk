# How rwm gets to where it is used. Included by the Makefile.
#
# make deb                 dist/rwm_VERSION_ARCH.deb
# make release             dist/: static binaries for all systems, .debs, LICENSES.txt
#                          and SHA256SUMS
# make packaging-packages  installs what the packaging's tests need (Debian, as root)

DIST         := $(CURDIR)/dist
DEB_ARCH     ?= $(shell $(GO) env GOARCH)
# Debian versions begin with a digit.
DEB_VERSION  ?= $(shell v='$(VERSION)'; case $$v in (v[0-9]*) echo "$${v#v}";; ([0-9]*.*) echo "$$v";; (*) echo "0~$$v";; esac)
RELEASES     ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 windows/amd64
NFPM         := $(TOOLS)/nfpm

.PHONY: deb release packaging-packages

$(NFPM): internal/tools/package/go.mod
	$(GO) build -C internal/tools/package -o $@ github.com/goreleaser/nfpm/v2/cmd/nfpm

# Same source, same Go: same bytes, whoever builds and wherever. Without cgo the
# binaries need no library of the system they run on; the version is said, not found
# out; times in a package are the commit's.
BINARY = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
# The manual page is printed by the program itself, for the machine that builds.
MAN = SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" $(GO) run ./cmd/rwm man >$(DIST)/rwm.1
PACKAGE = RWM_MAN=$(DIST)/rwm.1 SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" DEB_VERSION=$(DEB_VERSION) RWM_LICENSES=$(DIST)/LICENSES.txt \
  $(NFPM) package --config packaging/deb/nfpm.yaml --packager deb --target $(DIST)/

deb: $(NFPM) ## dist/rwm_VERSION_ARCH.deb
	mkdir -p $(DIST)
	$(GO) run ./packaging/licenses linux/$(DEB_ARCH) >$(DIST)/LICENSES.txt
	$(MAN)
	GOOS=linux GOARCH=$(DEB_ARCH) $(BINARY) -o $(DIST)/rwm-linux-$(DEB_ARCH) ./cmd/rwm
	RWM_BINARY=$(DIST)/rwm-linux-$(DEB_ARCH) DEB_ARCH=$(DEB_ARCH) $(PACKAGE)

release: $(NFPM) ## dist/: binaries for all systems, .debs, licences, SHA256SUMS
	rm -rf $(DIST) && mkdir -p $(DIST)
	$(GO) run ./packaging/licenses $(RELEASES) >$(DIST)/LICENSES.txt
	$(MAN)
	for target in $(RELEASES); do \
	  os=$${target%/*} arch=$${target#*/}; \
	  out=$(DIST)/rwm-$$os-$$arch; test $$os != windows || out=$$out.exe; \
	  echo "$$out"; \
	  GOOS=$$os GOARCH=$$arch $(BINARY) -o $$out ./cmd/rwm || exit 1; \
	  test $$os != linux || RWM_BINARY=$$out DEB_ARCH=$$arch $(PACKAGE) || exit 1; \
	done
	cd $(DIST) && sha256sum * >SHA256SUMS

# The servers whose dumps are tested; the tests start their own, with data of their own.
# podman and what it needs to build and run the container image (95 MB); docker-compose
# runs the compose file on it.
packaging-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  for p in mariadb-server postgresql prometheus rclone awscli podman runc docker-compose mmdebstrap systemd; do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	  test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; }; \
	else echo "NOT ROOT OR NO APT: tests that need MariaDB, PostgreSQL, rclone, the AWS CLI, containers or systemd are skipped where these are missing"; fi
