#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Punching a hole where there is a hole already (what a guest's TRIM of free space does to a sparse image)
# changes the modification time of the file on XFS, and leaves it on btrfs. The file's content is the same
# before and after on both.
#
# So an unchanged date proves on both that nothing was discarded that held data. A changed one proves on XFS
# not even that a block is another one now: after an idle guest's fstrim each image counts as written.
#
# Run it as root. It makes file systems in a temporary folder, with mkfs programs of the packages below.
set -eu
packages=(xfsprogs=6.1.0-1 libinih1=55-1 btrfs-progs=6.2-1+deb12u2)
work=$(mktemp -d)
trap 'umount -q "$work/mnt" || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu PATH=$work/root/sbin:$work/root/bin:$PATH
mkdir mnt

look()
{
    local fs=$1 before after content
    truncate -s 1G "$fs.img"
    "mkfs.$fs" -q "$fs.img" >/dev/null
    mount -o loop "$fs.img" mnt
    truncate -s 8M mnt/image
    content=$(sha256sum <mnt/image)
    touch -d 2020-01-01T00:00:00Z mnt/image
    before=$(stat -c %y mnt/image)
    fallocate --punch-hole --offset 1M --length 1M mnt/image
    after=$(stat -c %y mnt/image)
    [ "$content" = "$(sha256sum <mnt/image)" ]
    umount mnt
    if [ "$before" = "$after" ]; then found=same; else found=changed; fi
    echo "$fs: modification time $found ($before -> $after)"
}

echo "Linux $(uname -r), ${packages[*]}"
look xfs
xfs=$found
look btrfs
[ "$xfs $found" = "changed same" ]
# Seen:
#   Linux 6.18.44, xfsprogs=6.1.0-1 libinih1=55-1 btrfs-progs=6.2-1+deb12u2
#   xfs: modification time changed (2020-01-01 00:00:00.000000000 +0000 -> 2026-11-29 09:15:12.752993987 +0000)
#   btrfs: modification time same (2020-01-01 00:00:00.000000000 +0000 -> 2020-01-01 00:00:00.000000000 +0000)
