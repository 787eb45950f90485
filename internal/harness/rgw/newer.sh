#!/bin/sh
# newer.sh SUITE DIR: Ceph's gateway of another Debian release (trixie has 18, sid 20)
# in the new directory DIR, 1.2 GB, for withrgw -root DIR. This system is not touched:
# what has to be mounted is so for this script only. It takes root, debootstrap and the
# mirror that apt uses here, and some minutes. A directory that is complete is left as
# it is.
set -eu
suite=$1 dir=$2
unset TMPDIR
export DEBIAN_FRONTEND=noninteractive
[ ! -e "$dir/complete" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "only root can make a system in a directory"; exit 1; }
command -v apt-get >/dev/null || { echo "there is no apt here"; exit 1; }
if [ -z "${NEWER_ALONE:-}" ]; then
	NEWER_ALONE=1 exec unshare --mount --propagation private "$0" "$@"
fi
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; }

# The mirror of the release that runs here, in either form of apt's lists.
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
[ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list | head -n 1)

rm -rf "$dir"
mkdir -p "$dir"
debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
	"$suite" "$dir" "$mirror" /usr/share/debootstrap/scripts/sid
cp /etc/apt/apt.conf.d/* "$dir/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$dir/etc/"
printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d" # no services
chmod +x "$dir/usr/sbin/policy-rc.d"
mount -t proc proc "$dir/proc"
chroot "$dir" apt-get update -qq
chroot "$dir" apt-get install -y -qq --no-install-recommends ceph-mon ceph-osd radosgw ceph-common
chroot "$dir" apt-get clean
chroot "$dir" radosgw --version
touch "$dir/complete"
