#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A volume that a domain was started on, and that is not in its XML any more when it ends.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
started=/run/libvirt-reflink/started-qemu-00000000-0000-4000-8000-000000000001

# pivot: the running domain's disks go on as copies elsewhere.
pivot()
{
    local target

    for target in hda hdb hdc hdd; do
        virsh blockcopy vm $target "$LAB/$target.copy" --pivot --wait --transient-job
    done
    expect "$LAB/hdd.copy" virsh domblklist vm
    ! virsh domblklist vm | grep -q dirty.img || die "still on a volume"
}

# back: the stopped domain has its volumes as disks again.
back()
{
    virsh define "$LAB/vm.xml"
    rm "$LAB"/*.copy
}

kinds_start_idle
pivot
virsh destroy vm
workers_done
kinds_committed 1
[ ! -e "$started" ] || die "the note is left"
back
guest_wish "$POOL/vm/persistent.img" -
guest_run vm
expect_exactly "2 101 1 2" kinds_counts
kinds_committed 2
ok "what a domain was copied away from by blockcopy --pivot ends with it, each in the way of its kind"

# The image may be in somebody's hands by then.
kinds_start_idle
pivot
exec 5<"$POOL/vm/persistent-dirty.img"
virsh destroy vm
sleep 2
[ -e "$POOL/vm/persistent-dirty.img" ] || die "taken away from a reader"
exec 5<&-
workers_done
kinds_committed 3
back
ok "while anybody has it open it waits"

kinds_start_idle
pivot
virsh managedsave vm
workers_done
expect_info vm/persistent "saved"
virsh start vm
virsh destroy vm
workers_done
[ "$(counter "$POOL/vm/persistent.img")" = 3 ] || die "committed, though saved"
[ "$(counter "$POOL/vm/persistent-dirty.img")" = 4 ] || die "its dirty image is not there"
back
virsh start vm
kinds_idle
virsh destroy vm
workers_done
[ "$(counter "$POOL/vm/persistent.img")" = 5 ] || die "not continued"
kinds_no_dirty
ok "at a save it stays as it is, as the domain's disks do"

# A disk comes back, and the job is broken off by the end of the domain, or by somebody. The guest's writes
# are elsewhere, and the image has a part of another state.
copied_back()
{
    kinds_start_idle
    virsh blockcopy vm hda "$LAB/hda.copy" --pivot --wait --transient-job
    virsh blockcopy vm hda "$POOL/vm/persistent-dirty.img" --format raw --reuse-external --transient-job --wait
    "$@"
    virsh destroy vm
    workers_done
    expect_info vm/persistent "suspect"
    back
    fails_with "vm/persistent & suspect & block job or snapshot" virsh start vm
    "$STAGE_DIR/bin/virt-reflink" continue "$POOL" vm/persistent
    "$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/persistent
}
for how in true "virsh blockjob vm hda --abort"; do
    # shellcheck disable=SC2086
    copied_back $how
done
ok "a copy back over the image that was broken off makes it suspect"

# An overlay whose base libvirt knows stays the owner of its base.
define_disks "$(disk volume "pool='pool' volume='vm/persistent'")"
kinds_wish P
virsh start vm
kinds_idle vm 1
virsh snapshot-create-as vm first --disk-only --no-metadata --diskspec "hda,file=$LAB/overlay"
virsh destroy vm
workers_done
expect_info vm/persistent "overlaid"
note "$POOL/vm/persistent-dirty.img" below >/dev/null
[ -e "$POOL/vm/persistent-dirty.img" ] || die "committed below an overlay"
"$STAGE_DIR/bin/virt-reflink" continue "$POOL" vm/persistent
"$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/persistent
rm "$LAB/overlay"
ok "what is below an external snapshot is not ended for having been noted"

# By hand: a disk that was detached, a note that nobody can read, and one that says what is not so.
images="$POOL/vm/persistent-dirty.img $POOL/vm/direct-dirty.img"
define_disks "$(disk file "file='${images% *}'")" "$(disk file "file='${images#* }'")"
start_by_hand()
{
    hook vm prepare begin <"$LAB/vm.xml"
    count=$(($(counter "${images#* }") + 1))
    for image in $images; do
        printf "%b\0\0\0" "\\x$(printf %02x $count)" | write_image "$image" 512
    done
}
define_one()
{
    disks_document vm 00000000-0000-4000-8000-000000000001 "$(disk file "file='${images% *}'")" >"$LAB/one.xml"
}
define_one
start_by_hand
hook vm release end <"$LAB/one.xml"
workers_done
kinds_no_dirty
[ "$(counter "$POOL/vm/direct.img")" = "$count" ] || die "not ended"
ok "a disk that was detached ends with the others"

start_by_hand
hook vm prepare begin <"$LAB/one.xml"
hook vm release end <"$LAB/one.xml"
workers_done
kinds_no_dirty
[ "$(counter "$POOL/vm/direct.img")" = "$count" ] || die "not ended"
ok "so does what an earlier start without an end was on"

start_by_hand
pkill -KILL reflink-witness
hook vm release end <"$LAB/one.xml"
workers_done
expect_exactly "$POOL/vm/direct-dirty.img" ls "$POOL"/vm/*-dirty.img
expect_info vm/direct "leftover"
tool stop "$POOL" vm/direct
kinds_no_dirty
ok "if nobody saw who wrote to it, it is kept"

# Each driver counts its domains for itself.
echo "<domain type='xen'><name>xen</name><uuid>00000000-0000-4000-8000-000000000001</uuid><devices/></domain>" \
    >"$LAB/xen.xml"
start_by_hand
hook xen prepare begin <"$LAB/xen.xml"
hook xen release end <"$LAB/xen.xml"
hook vm release end <"$LAB/one.xml"
workers_done
kinds_no_dirty
ok "the end of another driver's domain with the same UUID takes nothing from it"

start_by_hand
cp "$started" "$LAB/note"
printf 'disk\t/etc\tpasswd\ndisk\t%s\t../../x\nx\ndisk\t%s\tvm/gone\nwrong\t%s\tvm/direct\n\377\n' \
    "$POOL" "$POOL" "$POOL" >"$started"
hook vm release end <"$LAB/one.xml" || true
[ -e "$POOL/vm/direct-dirty.img" ] || die "ended without being noted"
mkdir "$started"
fails_with "'vm' & cannot be started" hook vm prepare begin <"$LAB/vm.xml"
expect_exactly "$POOL/vm/direct-dirty.img" ls "$POOL"/vm/*-dirty.img
rmdir "$started"
hook vm prepare begin <"$LAB/vm.xml"
hook vm release end <"$LAB/vm.xml"
workers_done
kinds_no_dirty
ok "a note that is damaged keeps no domain from its end; without one it does not start"

no_temporary
done_testing
