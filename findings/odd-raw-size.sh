#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A raw file of 1000 bytes is a disk of 512 bytes behind a loop device (the end is left out, with a warning
# of losetup only), and one of 1024 bytes in QEMU: qemu-img info and query-block say so as well, though the
# file has 1000. So no size that QEMU tells of a running disk is ever odd, nor what libvirt asks for when it
# makes the destination of a migration with storage; and a guest that is moved between both has another disk.
#
# Run it as root, where the libraries are that qemu-utils depends on.
set -eu
packages=(qemu-utils=1:7.2+dfsg-7+deb12u18+b3)
work=$(mktemp -d)
loop=
trap '[ -z "$loop" ] || losetup --detach "$loop"; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
PATH=$work/root/usr/bin:$PATH
truncate -s 1000 odd.raw
loop=$(losetup --find --show odd.raw 2>/dev/null)
kernel=$(blockdev --getsize64 "$loop")
qemu=$(qemu-img info -f raw --output=json odd.raw | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p')

echo "Linux $(uname -r), $(qemu-img --version | head -1)"
echo "a raw file of 1000 bytes: $kernel bytes behind a loop device, $qemu in QEMU"
[ "$kernel $qemu" = "512 1024" ]
