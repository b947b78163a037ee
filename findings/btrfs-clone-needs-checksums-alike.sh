#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# btrfs does not clone between a file with checksums and one without (EINVAL). Which of the two a file is, the
# mount options nodatasum and nodatacow say when it is made; no ioctl shows it, "lsattr" is the same for both.
# So after such an option was changed, a clone of an older file into a new one fails, though both look alike.
#
# The surprise: setting the flags of an EMPTY file to what they are already (FS_IOC_SETFLAGS, "chattr =") gives it
# checksums, mounted with nodatasum too, and the clone works. The other way round there is no way to an empty file
# without checksums that is not also NOCOW (chattr +C); a clone into such a one works.
#
# Run it as root. It makes a file system in a temporary folder, with mkfs and chattr of the packages below.
set -eu
packages=(btrfs-progs=6.2-1+deb12u2 e2fsprogs=1.47.0-2+b2)
work=$(mktemp -d)
trap 'umount -q "$work/mnt" || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu PATH=$work/root/sbin:$work/root/bin:$work/root/usr/bin:$PATH
mkdir mnt
truncate -s 600M btrfs.img
mkfs.btrfs -q btrfs.img >/dev/null 2>&1
echo "Linux $(uname -r), ${packages[*]}"

# clone SOURCE ATTRIBUTES WANTED: into a new file that "chattr ATTRIBUTES" was done to.
clone()
{
    local found=cloned
    rm -f mnt/new
    touch mnt/new
    [ -z "$2" ] || chattr "$2" mnt/new
    cp --reflink=always "mnt/$1" mnt/new 2>/dev/null || found=refused
    echo "  $1, new file ${2:-as it is made}: $found"
    [ "$found" = "$3" ]
}

mount -o loop btrfs.img mnt
head -c 1M /dev/urandom >mnt/with
umount mnt
mount -o loop,nodatasum btrfs.img mnt
head -c 1M /dev/urandom >mnt/without
[ "$(lsattr mnt/with | cut -d ' ' -f 1)" = "$(lsattr mnt/without | cut -d ' ' -f 1)" ]
echo "mounted with nodatasum:"
clone with "" refused
clone with -C cloned
clone without "" cloned
clone without -C refused
umount mnt
mount -o loop btrfs.img mnt
echo "mounted without:"
clone with "" cloned
clone without "" refused
clone without -C refused
clone without +C cloned
