#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs ext4
# A plain directory pool is the stock libvirt's: the same commands, given to a libvirtd without
# us and to one with us, get the same answers and leave the same files.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool later
pool=$dir/plain

# What differs from one run to the next: time stamps, and how full the file system is.
normalize()
{
    sed -E -e 's/[0-9]{10}(\.[0-9]+)?/TIME/g' -e 's/^(Available|Allocation): .*/\1/' \
        -e "s/^(  <(available|allocation) unit='bytes'>)[0-9]+/\1/" -e 's/^Time elapsed.*//'
}

# tell COMMAND...: virsh with all that it says, and how it ended.
tell()
{
    local status=0

    echo "\$ virsh $*"
    command virsh -c qemu:///system "$@" >"$LAB/answer" 2>&1 || status=$?
    normalize <"$LAB/answer"
    echo "= $status"
}

tell_about()
{
    tell vol-info "$1" plain --bytes
    tell vol-dumpxml "$1" plain
    tell vol-path "$1" plain
    tell vol-key "$1" plain
}

tell_pool()
{
    tell pool-define "$LAB/plain.xml"
    tell pool-start plain
    tell pool-build plain
    tell pool-build plain --overwrite
    tell pool-start plain
    tell pool-autostart plain
    tell pool-info plain
    tell pool-dumpxml plain
    tell pool-dumpxml plain --inactive
    tell pool-refresh plain
    tell pool-list --all
}

tell_volumes()
{
    tell vol-create-as plain web 1M
    tell vol-create-as plain full 1M --allocation 1M
    tell vol-create-as plain web 1M
    tell vol-create-as plain ../web 1M
    tell vol-create-as plain deep/web 1M
    tell vol-create-as plain .hidden 1M
    tell vol-create-as plain web@1 1M
    tell vol-create-as plain web-dirty.img 1M
    tell vol-create-as plain "web.img.1@2018-01-02T03:04:05Z" 1M
    tell vol-create-as plain huge 9223372036854775808
    tell vol-create plain "$LAB/small.xml"
    tell vol-list plain --details
    for name in web full small web-dirty.img web@1; do
        tell_about "$name"
    done
}

tell_content()
{
    tell vol-upload web "$LAB/content" --pool plain
    tell vol-upload web "$LAB/content" --pool plain --offset 512000 --sparse
    sync -f "$pool"
    tell_about web
    tell vol-download web "$LAB/out" --pool plain
    md5sum <"$LAB/out"
    tell vol-download web "$LAB/out" --pool plain --offset 100 --length 1000
    md5sum <"$LAB/out"
    tell vol-clone web copy --pool plain
    tell vol-clone web copy --pool plain
    tell vol-clone web larger --pool plain
    tell vol-clone web-dirty.img other-dirty.img --pool plain
    tell vol-create-from plain "$LAB/small.xml" copy --inputpool plain
    tell vol-clone web reflinked --pool plain --reflink
    tell_about copy
}

tell_changes()
{
    tell vol-resize web 3M --pool plain
    tell vol-resize web 1M --pool plain --delta
    tell vol-resize web 2M --pool plain
    tell vol-resize web 2M --pool plain --shrink
    tell vol-resize web 5M --pool plain --allocate
    tell_about web
    tell vol-wipe copy plain
    tell vol-wipe copy plain --algorithm nnsa
    tell vol-download copy "$LAB/out" --pool plain
    md5sum <"$LAB/out"
    tell vol-wipe nobody plain
    tell vol-delete copy plain
    tell vol-delete copy plain
    tell vol-delete full plain --delete-snapshots
    tell vol-list plain
}

# Of every kind that libvirt knows; without qemu-img the answer is that there is none.
tell_formats()
{
    tell vol-create-as plain q 1M --format qcow2
    tell_about q
    tell vol-create-as plain over 1M --format qcow2 --backing-vol q --backing-vol-format qcow2
    tell_about over
    tell vol-clone q q2 --pool plain
    tell vol-resize q 2M --pool plain
    tell vol-info q plain
    tell vol-delete over plain
    tell vol-delete q plain
    tell vol-delete q2 plain
}

tell_foreign_files()
{
    mkdir -p "$pool/folder/below"
    : >"$pool/folder/below/private.img"
    ln -s web "$pool/link"
    ln -s nowhere "$pool/dangling"
    mkfifo "$pool/fifo"
    tell pool-refresh plain
    tell vol-list plain --details
    tell_about link
    tell_about folder
    tell vol-delete folder plain
    rm -r "$pool/folder" "$pool/fifo"
    tell pool-refresh plain
    tell vol-list plain
    find "$pool" -printf '%P %y %m %s\n' | sort
}

tell_end()
{
    lab_restart_libvirtd
    tell pool-info plain
    tell vol-list plain
    tell vol-dumpxml web plain
    tell pool-destroy plain
    tell pool-delete plain
    find "$pool" -mindepth 1 -delete
    tell pool-delete plain
    tell pool-delete plain
    tell pool-undefine plain
    tell pool-create "$LAB/plain.xml"
    tell pool-create "$LAB/plain.xml" --build
    tell pool-destroy plain
    tell pool-create-as plain dir --target "$pool" --build --overwrite
    tell pool-info plain
    rmdir "$pool"
    tell pool-refresh plain
    tell pool-info plain
}

# story BACKEND: all of it, from an empty file system to an empty file system.
story()
{
    export BACKEND_DIR=$1
    lab_start_libvirtd
    tell_pool
    tell_volumes
    tell_content
    tell_changes
    tell_formats
    tell_foreign_files
    tell_end
    lab_stop_libvirtd
    umount /run # and with it what the daemon knew
}

head -c 300K /dev/urandom >"$LAB/content"
volume_document small 65536 >"$LAB/small.xml"
plain_document plain "$pool" | sed "s|</name>|&<uuid>$(cat /proc/sys/kernel/random/uuid)</uuid>|" \
    >"$LAB/plain.xml"

story stock >"$LAB/stock"
story "$STAGE_DIR/lib/libvirt-reflink/storage-backend" >"$LAB/ours"
diff -u "$LAB/stock" "$LAB/ours" >&2 || die "a plain pool is not as without us"
[ "$(grep -c '^= 0' "$LAB/ours")" -gt 70 ] || die "the story does not work: $(cat "$LAB/ours")"
expect_not reflink-pool cat "$LAB/ours"
ok "$(grep -c '^=' "$LAB/ours") virsh commands on a plain pool get the answers that they get without us"

done_testing
