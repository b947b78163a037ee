#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# On XFS, from Linux 5.14 on, the blocks of a file still count as shared (FIEMAP, FIEMAP_EXTENT_SHARED) when the clone
# that shared them was removed and closed: a worker of the kernel frees it later, a second for some 50,000 extents. Neither
# unlink(2) nor close(2) nor statvfs(3) waits for it. ioctl XFS_IOC_FREE_EOFBLOCKS, which is there to free what is
# preallocated behind the ends of files, waits, also with a filter that no file fits.
#
# So who asks what a deletion gave back, or what a file shares with nobody else, has to wait first.
#
# Run it as root. It makes a file system in a temporary folder, with mkfs of the packages below.
set -eu
packages=(xfsprogs=6.1.0-1 libinih1=55-1)
work=$(mktemp -d)
trap 'umount -q -l "$work/mnt" || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu PATH=$work/root/sbin:$PATH
mkdir mnt
truncate -s 1G xfs.img
mkfs.xfs -q -m reflink=1 xfs.img
mount -o loop xfs.img mnt
echo "Linux $(uname -r), ${packages[*]}"
perl -MFcntl -MIO::Handle -e '
    # How many KiB of a file are shared: struct fiemap of linux/fiemap.h, 1000 extents at a time.
    sub shared {
        my ($file, $start, $sum, $last) = (shift, 0, 0, 0);
        until ($last) {
            my $map = pack("QQLLLL", $start, ~0 - $start, 1, 0, 1000, 0) . "\0" x 56000;
            ioctl($file, 0xC020660B, $map) or die "FIEMAP: $!";
            my $count = unpack("x20L", $map) or last;
            for my $i (0 .. $count - 1) {
                my ($at, $length, $flags) = unpack("x" . (32 + 56 * $i) . "Qx8Qx16L", $map);
                $sum += $length if $flags & 0x2000;
                $start = $at + $length;
                $last = $flags & 1;
            }
        }
        $sum / 1024;
    }
    sysopen(my $file, "mnt/a", O_RDWR | O_CREAT) or die;
    for my $i (0 .. 19999) { sysseek($file, $i * 8192, 0); syswrite($file, "x" x 4096) }
    $file->sync;
    my @seen;
    for my $wait (0, 1) {
        sysopen(my $clone, "mnt/b", O_RDWR | O_CREAT) or die;
        ioctl($clone, 0x40049409, fileno($file)) or die "FICLONE: $!";
        $clone->sync;
        push @seen, shared($file);
        close $clone;
        unlink "mnt/b" or die;
        if ($wait) {
            # Version 1; the flags "sync" and "smallest size"; that size.
            ioctl($file, 0x8080583A, my $free = pack("LLLLLLQ", 1, 17, 0, 0, 0, 0, 1 << 62) . "\0" x 96) or die "XFS: $!";
        }
        push @seen, shared($file);
        if (!$wait) { my $left = 600; select(undef, undef, undef, 0.1) while shared($file) && $left--; }
    }
    print "KiB shared: $seen[0] with a clone, $seen[1] when it was removed; $seen[2] with another one, ",
        "$seen[3] when that was removed and waited for\n";
    exit !($seen[0] == 80000 && $seen[1] > 0 && $seen[2] == 80000 && $seen[3] == 0)'
