#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A disk with <transient/>: libvirt puts an overlay on the dirty image for the run, and removes it at
# the end. So what the guest writes is gone, and the volume is as before.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64
kinds_make "$dir"

disks=()
for kind in persistent snapshot volatile direct; do
    disks+=("$(disk file "file='$POOL/vm/$kind-dirty.img'" "<transient/>")")
done
define_disks "${disks[@]}"
kinds_wish P
sleep 2.1 # younger images count as written: their dates would prove nothing
workers_done
before=$(listing "$POOL")

# starts_anew: the guest finds what there was before all of these runs.
starts_anew()
{
    virsh start vm
    kinds_idle
    expect_exactly "1 101 1 1" kinds_counts
    [ -e "$POOL/vm/persistent-dirty.img.TRANSIENT-vm" ] || die "libvirt made no overlay"
}

# at_rest: no revision, no dirty image, no overlay, no change.
at_rest()
{
    workers_done
    kinds_no_dirty
    ! compgen -G "$POOL/vm/*TRANSIENT*" >/dev/null || die "an overlay is left"
    same_listing "$POOL" "$before"
}

for _ in 1 2; do
    starts_anew
    virsh destroy vm
    at_rest
done
ok "what is written to a transient disk is gone at the end of the run, of all kinds"

starts_anew
lab_restart_libvirtd
lab_domain other "$POOL/vm/persistent-dirty.img" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
for kind in persistent snapshot volatile direct; do
    age_run "$POOL/vm/$kind-dirty.img"
done
fails_with "'vm/persistent' & in use & 'vm'" virsh start other
fails_with "running & 'vm'" virsh vol-delete vm/direct --pool pool
virsh destroy vm
at_rest
ok "while it runs, the image below the overlay is in use; a restart of libvirtd changes nothing"

starts_anew
kill -KILL "$(cat /run/libvirt/qemu/vm.pid)"
guest_wait vm
workers_done
kinds_no_dirty
rm -f "$POOL"/vm/*TRANSIENT*
virsh define "$LAB/vm.xml"
starts_anew
virsh destroy vm
at_rest
ok "so it is after a crash"

done_testing
