#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# On XFS a file of 8 MiB that is all data occupies more than 8 MiB (st_blocks, du) after one block of it was
# overwritten while it shared its data with a clone: the copy on write takes 128 KiB (the default of
# cowextsize) for 4 KiB, and what it has not used counts in st_blocks. FIEMAP does not show it. It goes when
# the file system is mounted the next time, or when the kernel collects what it has taken ahead.
#
# So st_blocks less the blocks of the extent map is not the metadata of a file; an allocation larger than
# the capacity of a raw image is no damage; and it shrinks by itself.
#
# Run it as root. It makes a file system in a temporary folder, with mkfs of the packages below.
set -eu
packages=(xfsprogs=6.1.0-1 libinih1=55-1)
work=$(mktemp -d)
trap 'umount -q "$work/mnt" || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu PATH=$work/root/sbin:$PATH
mkdir mnt
truncate -s 1G xfs.img
mkfs.xfs -q xfs.img
mount -o loop xfs.img mnt

bytes() { echo $(($(stat -c '%b * %B' mnt/clone))); }

dd if=/dev/urandom of=mnt/original bs=1M count=8 status=none
cp --reflink=always mnt/original mnt/clone
sync
first=$(bytes)
dd if=/dev/urandom of=mnt/clone bs=4k count=1 seek=100 conv=notrunc,fsync status=none
second=$(bytes)
umount mnt
mount -o loop xfs.img mnt
third=$(bytes)

echo "Linux $(uname -r), ${packages[*]}"
echo "size of the clone: $(stat -c %s mnt/clone) bytes, all data"
echo "occupied after cloning $first, after writing 4096 bytes of it $second, when mounted again $third"
[ "$first $second $third" = "8388608 8515584 8388608" ]
# Seen:
#   Linux 6.18.44, xfsprogs=6.1.0-1 libinih1=55-1
#   size of the clone: 8388608 bytes, all data
#   occupied after cloning 8388608, after writing 4096 bytes of it 8515584, when mounted again 8388608
