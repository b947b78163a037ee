#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A raw image that qemu-img makes on XFS carries an extent size hint of 1 MiB, although nobody asked for one:
# each first write to a new place takes 1 MiB of the disk, be it 4 KiB. A sparse file of truncate(1) takes
# 4 KiB. A reflink of the image has no hint: FICLONE copies neither it nor the blocks that hold no data, so
# a clone occupies less than its original, and grows in other steps.
#
# So the same volume costs up to 256 times as much space if qemu-img made its file, and no longer does once
# it was committed from a clone.
#
# Run it as root, where the libraries are that qemu-utils depends on. It makes a file system in a temporary
# folder, with programs of the packages below.
set -eu
packages=(xfsprogs=6.1.0-1 libinih1=55-1 qemu-utils=1:7.2+dfsg-7+deb12u18+b3)
work=$(mktemp -d)
trap 'umount -q "$work/mnt" || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu
export PATH=$work/root/sbin:$work/root/usr/sbin:$work/root/usr/bin:$PATH
mkdir mnt
truncate -s 1G xfs.img
mkfs.xfs -q xfs.img
mount -o loop xfs.img mnt

kib() { echo $(($(stat -c '%b * %B / 1024' "mnt/$1"))); }
hint() { xfs_io -r -c extsize "mnt/$1" | tr -d '[]' | cut -d' ' -f1; }
write() { dd if=/dev/urandom of="mnt/$1" bs=4k count=1 seek=100 conv=notrunc,fsync status=none; }

truncate -s 64M mnt/truncate
qemu-img create -q -f raw mnt/qemu-img 64M
write truncate
write qemu-img
cp --reflink=always mnt/qemu-img mnt/clone
sync

echo "Linux $(uname -r), ${packages[*]}; one block of 4 KiB written to each"
seen=
for file in truncate qemu-img clone; do
    echo "made by $file: extent size hint $(hint $file), $(kib $file) KiB occupied"
    seen+="$(hint $file) "
    [ "$file" = qemu-img ] || [ "$(kib $file)" -lt 64 ]
done
[ "$seen" = "0 1048576 0 " ]
[ "$(kib qemu-img)" = 1024 ]
# Seen:
#   Linux 6.18.44, xfsprogs=6.1.0-1 libinih1=55-1 qemu-utils=1:7.2+dfsg-7+deb12u18+b3; one block of 4 KiB written to each
#   made by truncate: extent size hint 0, 4 KiB occupied
#   made by qemu-img: extent size hint 1048576, 1024 KiB occupied
#   made by clone: extent size hint 0, 8 KiB occupied
