#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# The two commands on a fresh, minimal Debian 12: scripts/debootstrap_check.sh
#
# Needs root and debootstrap. Makes a root with git and make only, in a temporary folder, gives it
# this host's apt and resolver configuration, clones the last commit into it and runs `make demo`
# and `make check` there. The folder is removed at the end. FLC_DEBIAN_MIRROR names another mirror.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
    echo "debootstrap_check: needs root and debootstrap" >&2
    exit 77
fi

mirror=${FLC_DEBIAN_MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d)
root=$work/root

clean_up() {
    for mount in proc dev/shm; do
        if mountpoint -q "$root/$mount"; then
            umount "$root/$mount" || return # never remove what is still mounted
        fi
    done
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

echo "== debootstrap, Debian 12 minbase with git and make"
debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root" "$mirror" \
    >"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log"; exit 1; }

cp -L /etc/resolv.conf "$root/etc/resolv.conf"
# The host's sources fit only if it is Debian 12 itself; its proxy and its keys always do.
if grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
    for entry in sources.list sources.list.d; do
        if [ -e "/etc/apt/$entry" ]; then
            rm -rf "$root/etc/apt/$entry"
            cp -a "/etc/apt/$entry" "$root/etc/apt/"
        fi
    done
fi
for entry in apt.conf apt.conf.d auth.conf.d trusted.gpg trusted.gpg.d; do
    if [ -e "/etc/apt/$entry" ]; then
        cp -a "/etc/apt/$entry" "$root/etc/apt/"
    fi
done

mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

git clone -q --no-hardlinks . "$root/root/flashcomm"

in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        chroot "$root" sh -c "cd /root/flashcomm && $1"
}

for command in "make demo" "make check"; do
    start=$(date +%s)
    echo "== $command"
    in_root "$command"
    echo "== $command: $(($(date +%s) - start)) s, set-up included"
done
