# The browser that the tests of HTML pages look with. Included by the Makefile.

.PHONY: browser-packages
packages: browser-packages

browser-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }; \
	else echo "NOT ROOT OR NO APT: pages are not looked at in a browser where chromium is missing"; fi
