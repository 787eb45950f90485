#!/bin/sh
# inmemory.sh COMMAND ARGS…: runs a command with its temporary files in memory, where
# there is room for them. The tests make and remove many small files, which on a disk
# takes up to nine times as long. It leaves a TMPDIR that is set as it is. RWM_DISK is
# where temporary files go that need a disk.

export RWM_DISK="${RWM_DISK:-${TMPDIR:-/tmp}}"

# roomy: 4 GiB are free there, and 8 of memory
roomy() {
	test "$(df -Pk "$1" | awk 'NR == 2 { print $4 }')" -ge 4194304 &&
		test "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -ge 8388608
}

# xattrs: Linux keeps extended attributes of users in memory since 6.6
xattrs() { test "$(printf '6.6\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.6; }

# runs: it is not mounted noexec
runs() { printf '#!/bin/sh\n' >"$1/x" && chmod +x "$1/x" && "$1/x" && rm "$1/x"; }

dir=
if test -z "$TMPDIR" && grep -q ' /dev/shm tmpfs ' /proc/mounts && roomy /dev/shm && xattrs && dir=$(mktemp -d /dev/shm/rwm-test-XXXXXX); then
	trap 'rm -rf --one-file-system "$dir"' EXIT # not into what is mounted there
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 755 "$dir" # some tests run as nobody
	if runs "$dir" 2>/dev/null; then export TMPDIR="$dir"; fi
fi 2>/dev/null
"$@"
