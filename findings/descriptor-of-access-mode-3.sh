#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A failed write-back is reported once to each descriptor that was open then: after one program's fsync has had the
# report, a descriptor that is opened later gets none, and its fsync says that all is well.
#
# A descriptor of access mode 3 (open(2): neither reading nor writing, "nonstandard") gets the report like any other,
# though nothing can be read or written through it, and it is no user of the file to leases (fcntl(2), F_SETLEASE): a
# write lease, which one reader prevents, is granted beside it. So it can watch a file without disturbing anybody who
# asks whether that is in use.
#
# Run it as root. It makes a file system on a memory disk that is too small, in a temporary folder.
set -eu
packages=(xfsprogs=6.1.0-1 libinih1=55-1)
work=$(mktemp -d)
trap 'umount -q -l "$work/mnt" || true; umount -q -l "$work/thin" || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu PATH=$work/root/sbin:$PATH
mkdir mnt thin
mount -t tmpfs -o size=400M thin thin
truncate -s 1G thin/xfs.img
mkfs.xfs -q thin/xfs.img
mount -o loop thin/xfs.img mnt
echo "Linux $(uname -r), ${packages[*]}"
perl -MIO::Handle -MFcntl -e '
    sub say_sync { my ($name, $file) = @_; my $result = $file->sync ? "ok" : "error"; print "$name: $result\n"; $result }
    sub lease { my $file = shift; fcntl($file, 1024, F_WRLCK) or return "refused"; fcntl($file, 1024, F_UNLCK); "granted" }
    sysopen(my $new, "mnt/file", O_RDWR | O_CREAT) or die; truncate($new, 64 << 20); close $new;
    sysopen(my $watcher, "mnt/file", 3) or die "open with mode 3: $!";
    say_sync("before", $watcher) eq "ok" or exit 1;
    sysopen(my $asker, "mnt/file", O_RDONLY) or die;
    my $beside = lease($asker);
    sysopen(my $reader, "mnt/file", O_RDONLY) or die;
    my $beside_reader = lease($asker);
    print "write lease: $beside beside mode 3, $beside_reader beside a reader\n";
    system("head -c 1G /dev/zero >thin/filler 2>/dev/null; truncate -s -4M thin/filler");
    sysopen(my $guest, "mnt/file", O_RDWR) or die;
    syswrite($guest, "U" x (1 << 20)) for 1 .. 32;
    my $first = say_sync("who wrote", $guest); close $guest;
    unlink "thin/filler";
    sysopen(my $later, "mnt/file", O_RDWR) or die;
    my $second = say_sync("opened later", $later);
    my $third = say_sync("mode 3", $watcher);
    exit !($beside eq "granted" && $beside_reader eq "refused" && "$first $second $third" eq "error ok error")'
