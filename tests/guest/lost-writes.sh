#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# The disk cannot take all that is written to an image, and the guest's own flush has got the kernel's
# one report of it: the image is suspect, and not committed.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds states nowhere later -- qemu-system-x86_64

# new_thin_pool NUMBER: a pool on a file system whose disk has less space than it says; with a domain.
new_thin_pool()
{
    thin=$LAB/thin$1
    mkdir "$thin"
    mount -t tmpfs -o size=600M thin "$thin"
    make_filesystem "$FS" "$thin/fs.img" 1G
    mount_filesystem "$thin/fs.img" "$LAB/fs$1"
    KEEP=2 kinds_make "$LAB/fs$1"
    workers_done
    sync -f "$POOL"
}

# lose_writes FILE: writes to it what the disk does not take; somebody else gets the report.
lose_writes()
{
    cat /dev/zero >"$thin/filler" 2>/dev/null || true
    ! head -c 512K /dev/urandom | dd of="$1" bs=64K seek=8 conv=notrunc,fsync status=none ||
        die "the disk took it"
    rm "$thin/filler"
}

# state VOLUME
state()
{
    "$STAGE_DIR/bin/virt-reflink" info "$POOL" "$1" | sed -n 's/^state *//p'
}

lab_start_libvirtd
new_thin_pool 1
virsh vol-resize vm/persistent 2M --pool pool
"$STAGE_DIR/bin/virt-reflink" start "$POOL" vm/persistent
lose_writes "$POOL/vm/persistent-dirty.img"
fails_with "saved|suspect" "$STAGE_DIR/bin/virt-reflink" stop "$POOL" vm/persistent
expect_exactly suspect state vm/persistent
ok "what was started by hand is suspect"

# It was a running domain's meanwhile, which noted that, and let go of it.
dirty=$POOL/vm/persistent-dirty.img
"$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/persistent
"$STAGE_DIR/bin/virt-reflink" start "$POOL" vm/persistent
setfattr -n trusted.libvirt-reflink.run -v "$(note "$dirty" run |
    sed -e 's/^driver=.*/driver=qemu/' -e 's/^uuid=.*/uuid=00000000-0000-4000-8000-0000000000aa/')"$'\n' "$dirty"
age_run "$dirty"
lose_writes "$dirty"
fails_with "saved|suspect" "$STAGE_DIR/bin/virt-reflink" stop "$POOL" vm/persistent
expect_exactly suspect state vm/persistent
ok "also if a domain was given it meanwhile"

virsh pool-destroy pool
virsh pool-undefine pool
virsh undefine vm
new_thin_pool 2
kinds_start_idle
pgrep -x reflink-witness >/dev/null || die "nobody looks on"
lose_writes "$POOL/vm/persistent-dirty.img"
virsh destroy vm
workers_done
expect_exactly suspect state vm/persistent
fails_with "suspect" virsh start vm
ok "and so is a domain's disk, in whatever way it ends"
done_testing
