#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Nothing written, nothing made: a run without a write leaves no revision, prunes none, and its image
# is the next run's.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
kinds_make "$dir"

inode()
{
    stat -c %i "$POOL/vm/$1.img"
}

# What has to be the same after a run that wrote nothing: inode, date and content of the images at
# rest, and the revisions.
rest()
{
    local file

    for file in "$POOL"/vm/*; do
        case $file in *-precache.img | */direct.img | *~*) continue ;; esac
        stat -c '%n %i %Y %s' "$file"
        cksum "$file"
    done
}

# touch_nothing: a domain that is started without running, and destroyed.
touch_nothing()
{
    virsh start vm --paused
    sleep 0.2
    virsh destroy vm
}

for _ in 1 2 3; do
    guest_run vm
done
expect_revisions vm/persistent "2 3"
sleep 2.1 # so the dates alone tell; see below for those that do not
before=$(rest)
touch_nothing
kinds_no_dirty
diff <(echo "$before") <(rest) || die "the images have changed"
ok "a run without a write: same images, same revisions, none pruned"

workers_done
persistent=$(inode persistent-precache)
snapshot=$(inode snapshot-precache)
virsh start vm --paused
[ "$(inode persistent-dirty) $(inode snapshot-dirty)" = "$persistent $snapshot" ] ||
    die "the start made other images than those that were ready"
setfattr -n user.test -v used "$POOL/vm/snapshot-dirty.img"
virsh destroy vm
[ "$(inode persistent-precache)" = "$persistent" ] || die "the unwritten image was not kept"
for _ in 1 2 3 4; do
    touch_nothing
done
workers_done
[ "$(inode persistent-precache)" = "$persistent" ] || die "the unwritten image was not kept"
diff <(echo "$before") <(rest) || die "the images have changed"
ok "its image is that of the next run, again and again"

# libvirt makes qemu the owner of an image, and an owner can turn its date back.
[ -z "$(getfattr --absolute-names -n user.test "$POOL/vm/snapshot-precache.img" 2>/dev/null)" ] ||
    die "a snapshot's image was used twice under qemu"
sed "s/type='qemu'/type='xen'/" "$LAB/vm.xml" >"$LAB/xen.xml"
snapshot=$(inode snapshot-precache)
for _ in 1 2; do
    hook vm prepare begin <"$LAB/xen.xml"
    hook vm release end <"$LAB/xen.xml"
    workers_done
    [ "$(inode snapshot-precache)" = "$snapshot" ] || die "the unwritten image was not kept"
done
diff <(echo "$before") <(rest) || die "the images have changed"
ok "so is a snapshot's under Xen; under qemu, where dates can be forged, it is made anew"

virsh start vm
guest_wait vm
expect_exactly "4 101 1 4" kinds_counts
kinds_committed 4
expect_revisions vm/persistent "3 4"
[ "$(inode persistent)" = "$persistent" ] || die "what was written to was not what was ready"
ok "a run that writes to them is committed as ever"

# One bit, written in place, is a write: also the same bit as before.
workers_done
sleep 2.1
virsh start vm --paused
head -c 1 "$POOL/vm/persistent.img" |
    dd of="$POOL/vm/persistent-dirty.img" bs=1 conv=notrunc status=none
virsh destroy vm
expect_revisions vm/persistent "4 5"
ok "writing one byte is a write, even if the byte is the same"

# Through a loop device and with discards, neither of which looks like a write(2) to the file.
sleep 2.1
virsh start vm --paused
loop=$(losetup --find --show --direct-io=on "$POOL/vm/persistent-dirty.img")
dd if=/dev/zero of="$loop" bs=4096 seek=100 count=1 oflag=direct conv=notrunc status=none
losetup --detach "$loop"
virsh destroy vm
expect_revisions vm/persistent "5 6"
sleep 2.1
virsh start vm --paused
fallocate --punch-hole --offset 65536 --length 65536 "$POOL/vm/persistent-dirty.img"
virsh destroy vm
expect_revisions vm/persistent "6 7"
sleep 2.1
virsh start vm --paused
virsh vol-resize vm/persistent 2M --pool pool
virsh destroy vm
expect_revisions vm/persistent "7 8"
ok "so are writing through a loop device, a discard, and another size"

# Where dates cannot tell, the blocks do that both images share: in the same second, ...
guest_run vm
expect_revisions vm/persistent "8 9"
touch_nothing
expect_revisions vm/persistent "8 9"
expect_exactly "" revisions vm/direct
ok "within the second after a write shared blocks tell that nothing was written"

# ... with a clock that was wrong, ...
touch -d "1 hour" "$POOL/vm/persistent.img"
touch_nothing
touch_nothing
expect_revisions vm/persistent "8 9"
[ -e "$POOL/vm/persistent-precache.img" ] || die "no precache"
ok "so they do of an image that is dated in the future"

# ... and with a date that a backup program put back after it had read, as cpio -a does.
touch -d "2020-01-01 12:00:00" "$POOL/vm/persistent.img"
touch_nothing
expect_revisions vm/persistent "8 9"
virsh start vm --paused
backup=$(echo "$POOL/vm/persistent-dirty.img" | { cpio -o -a -H newc --quiet | wc -c; })
[ "$backup" -gt 0 ] || die "cpio read nothing"
head -c 1 "$POOL/vm/persistent.img" |
    dd of="$POOL/vm/persistent-dirty.img" bs=1 conv=notrunc status=none
touch -d "2020-01-01 12:00:00" "$POOL/vm/persistent-dirty.img" # cpio, if it had taken longer
virsh destroy vm
expect_revisions vm/persistent "9 10"
ok "what a guest writes while a backup reads is committed, though the backup puts the date back"

no_temporary
done_testing
