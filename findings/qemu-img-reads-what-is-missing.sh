#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# "qemu-img convert" of an image whose file was cut off, as by a download that broke, ends with 0 and without a word
# for qcow2 (compressed or not), VDI and VMDK: what is missing is zeros in the copy. The files of vhdx and vpc are
# refused when they are opened.
#
# "qemu-img check" finds it in qcow2 and VMDK. The surprise within: of VDI it says "No errors were found on the
# image", though the header tells how many blocks there are and the file ends before them. So neither the exit code
# of a conversion nor that of a check before it says that a copy is whole.
#
# It needs no root.
set -eu
packages=(qemu-utils=1:7.2+dfsg-7+deb12u18+b3)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -q download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
qemu_img=$work/root/usr/bin/qemu-img
echo "$("$qemu_img" --version | head -n 1)"

# 8 MiB that do not compress, and of each image the first half.
head -c 8M /dev/urandom >disk.raw

# cut FORMAT CONVERT CHECK [OPTION...]: what "convert" and "check" of the half end with: 0 or an error.
cut()
{
    local format=$1 wanted="$2 $3" convert=0 check=0 same=differs
    shift 3
    "$qemu_img" convert -O "$format" "$@" disk.raw whole
    head -c $(($(stat -c %s whole) / 2)) whole >half
    "$qemu_img" convert -f "$format" -O raw half copy 2>/dev/null || convert=error
    [ "$convert" = error ] || ! cmp -s disk.raw copy || same=same
    "$qemu_img" check -q -f "$format" half >/dev/null 2>&1 || check=error
    echo "  $format $*: convert ends with $convert, check with $check; the copy $same"
    [ "$convert $check" = "$wanted" ] && [ "$same" = differs ]
    rm -f whole half copy
}

cut qcow2 0 error
cut qcow2 0 error -c
cut vmdk 0 error
cut vdi 0 0
cut vhdx error error
cut vpc error error
