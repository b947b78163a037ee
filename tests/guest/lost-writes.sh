#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# The disk cannot take all that is written to an image, and the guest's own flush has got the kernel's
# one report of it: the image is suspect, and not committed.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds states nowhere later -- qemu-system-x86_64 qemu-img xfs_io

# new_thin_pool NUMBER: a pool on a file system whose disk has less space than it says; with a domain.
new_thin_pool()
{
    thin=$LAB/thin$1
    mkdir "$thin"
    mount -t tmpfs -o size=600M thin "$thin"
    make_filesystem "$FS" "$thin/fs.img" 1G
    mount_filesystem "$thin/fs.img" "$LAB/fs$1"
    # A commit by its clock, just while the disk is full, would end all writing.
    [ "$FS" != btrfs ] || mount -o remount,commit=300 "$LAB/fs$1"
    KEEP=2 kinds_make "$LAB/fs$1"
    workers_done
    sync -f "$POOL" || true
}

# lose_writes FILE: writes to it what the disk does not take; somebody else gets the report. Without an
# fsync: btrfs would write metadata of its own to the full disk, and end all writing.
lose_writes()
{
    sync -f "$1" 2>/dev/null || true
    cat /dev/zero >"$thin/filler" 2>/dev/null || true
    head -c 512K /dev/urandom | dd of="$1" bs=64K seek=8 conv=notrunc status=none
    fails_with "No space left" xfs_io -c "sync_range -w 0 2M" -c "sync_range -a 0 2M" "$1"
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

# A disk that passes from domain a to b while both run: a saw it from its beginning.
for name in first second by-hand claimed; do
    virsh vol-create-as pool $name 2M
done
# domain NAME DEVICES
domain()
{
    lab_domain "$1" "" | sed -e "s|<devices>|<devices>$2|" -e "s|<boot dev='hd'/>||" >"$LAB/$1.xml"
    virsh define "$LAB/$1.xml"
}
attach() { virsh attach-disk "$1" "$2" sdb --live --targetbus scsi --subdriver raw; }
end()
{
    virsh destroy "$1"
    workers_done
}
domain b "<controller type='scsi' index='0'/>"
for name in first second; do
    data=$(virsh vol-path $name pool)
    domain a "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$data'/><target dev='sdb' bus='scsi'/></disk>"
    virsh start a
    virsh start b
    virsh detach-disk a sdb --live
    attach b "$data"
    [ $name = first ] || end a
    lose_writes "$data"
    end b
    expect_exactly suspect state $name
    [ $name = second ] || end a
    virsh undefine a
done
ok "a disk that was moved to another domain is suspect, whichever of the two ends first"

virsh start b
data=$(virsh vol-path by-hand pool)
tool start "$POOL" by-hand
expect "witness=" note "$data" run
age_run "$data"
tool start "$POOL" claimed
attach b "$data"
lose_writes "$data"
virsh detach-disk b sdb --live
attach b "$(virsh vol-path claimed pool)"
lab_restart_libvirtd
virsh list >/dev/null
workers_done
expect "uuid=$(virsh domuuid b)" note "$(virsh vol-path claimed pool)" run
lose_writes "$(virsh vol-path claimed pool)"
virsh detach-disk b sdb --live
age_run "$(virsh vol-path claimed pool)"
domain c "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$data'/><target dev='sdb' bus='scsi'/></disk>"
fails_with "suspect" virsh start c
for name in by-hand claimed; do
    fails_with "$name & suspect" tool stop "$POOL" $name
done
end b
ok "so is what was started by hand, and became a domain's; no other domain starts on it"

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

# A layer that the definition does not name is found when libvirt has looked at its overlay.
tool discard "$POOL" vm/persistent
mkdir "$LAB/overlays"
kinds_start_idle
virsh snapshot-create-as vm night --disk-only --no-metadata \
    --diskspec hda,file="$LAB/overlays/p.qcow2" --diskspec hdb,snapshot=no \
    --diskspec hdc,snapshot=no --diskspec hdd,snapshot=no
end vm
virsh dumpxml --inactive vm | sed '/<backingStore/,/<\/backingStore>/d' >"$LAB/by-path.xml"
virsh define "$LAB/by-path.xml"
virsh start vm --paused
virsh blockcommit vm hda --active --pivot --wait
lose_writes "$POOL/vm/persistent-dirty.img"
end vm
expect_exactly suspect state vm/persistent
ok "so is one that was below an overlay when its domain was started"

if [ "$FS" = xfs ]; then
    virsh define "$LAB/vm.xml"
    tool continue "$POOL" vm/persistent
    virsh start vm --paused
    sync -f "$POOL" || true
    xfs_io -x -c shutdown "$LAB/fs2"
    end vm
    eventually 10 umount "$LAB/fs2"
    mount -o loop "$thin/fs.img" "$LAB/fs2"
    cleanup_fn umount -l "$LAB/fs2"
    expect_exactly suspect state vm/persistent
    fails_with "suspect" virsh start vm
    ok "so is what is on a file system that fails, and is mounted again after the end"
fi
done_testing
