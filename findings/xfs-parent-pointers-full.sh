#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# On a full XFS with parent pointers, rename(2) within a directory and link(2) fail with ENOSPC, though there is room
# in the directory: the new name is also noted in the file itself. Without them both succeed. unlink(2) always does.
# mkfs.xfs of xfsprogs 7.2 makes such file systems by default; that of 6.13 does if asked to.
#
# So a program that deletes by rename, and removes the file later, cannot make space on a full disk; nor can one that
# replaces a file by rename count on the space that it has reserved in the file.
#
# Run it as root, with a kernel that knows parent pointers (Linux 6.10). It makes two file systems in a temporary
# folder, with mkfs of the packages below, from the archive that the machine's Debian comes from.
set -eu
packages=(xfsprogs=6.13.0-2+deb13u1 libinih1=59-1 liburcu8t64=0.15.2-2 libblkid1=2.41.5-0+deb13u1
    libuuid1=2.41.5-0+deb13u1 libc6=2.41-12+deb13u5)
work=$(mktemp -d)
trap 'umount -q "$work"/mnt* || true; rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial
archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
for suite in trixie trixie-updates; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main"
done >trixie.list
apt() { apt-get -q -q -o Dir::Etc::SourceList="$work/trixie.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o APT::Sandbox::User=root "$@"; }
apt update
apt download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
libraries=$work/root/usr/lib/$(uname -m)-linux-gnu

# try PARENT: what a full file system allows.
try()
{
    local mnt=$work/mnt$1 seen="" step
    mkdir "$mnt"
    truncate -s 400M "xfs$1.img"
    "$libraries"/ld-linux-*.so.* --library-path "$libraries" root/usr/sbin/mkfs.xfs -q -n parent="$1" "xfs$1.img"
    mount -o loop "xfs$1.img" "$mnt"
    touch "$mnt/a" "$mnt/b" "$mnt/c"
    sync
    dd if=/dev/zero of="$mnt/fill" bs=1M status=none 2>/dev/null || true
    dd if=/dev/zero of="$mnt/fill" bs=4k oflag=append conv=notrunc status=none 2>/dev/null || true
    sync
    for step in "mv a other" "ln b more" "rm c"; do
        if (cd "$mnt" && $step) 2>error; then
            seen+="${step%% *}: done; "
        else
            seen+="${step%% *}: $(sed 's/.*: //' error); "
        fi
    done
    echo "$seen"
}

echo "Linux $(uname -r), ${packages[0]}, a full file system"
without=$(try 0)
with=$(try 1)
echo "without parent pointers: $without"
echo "with parent pointers: $with"
[ "$without" = "mv: done; ln: done; rm: done; " ]
[ "$with" = "mv: No space left on device; ln: No space left on device; rm: done; " ]
# Seen:
#   Linux 6.18.44, xfsprogs=6.13.0-2+deb13u1, a full file system
#   without parent pointers: mv: done; ln: done; rm: done;
#   with parent pointers: mv: No space left on device; ln: No space left on device; rm: done;
