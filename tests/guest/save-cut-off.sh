#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# SIGKILL of libvirtd in the middle of a save or a restore. What it finds when it comes back is a domain
# that is gone, and says that it crashed or that nobody knows; but its memory is in a file, and so its
# disks stay as they are until it is restored.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
save=$LAB/vm.save

# cut_off OPERATION COMMAND...: libvirtd is killed when it calls its hooks with that operation, before
# ours, while virsh does COMMAND; and comes back.
cut_off()
{
    local operation=$1 hook=/etc/libvirt/hooks/qemu.d/10-cut
    shift

    printf '#!/bin/sh\n[ "$2" != %s ] || kill -KILL %s\n' "$operation" "$LIBVIRTD_PID" >$hook
    chmod +x $hook
    ! virsh "$@" >/dev/null 2>&1 || die "$* was not cut off"
    rm $hook
    eventually 10 test ! -e "/proc/$LIBVIRTD_PID/exe"
    forget_libvirtd
    kill_device_models
    [ -z "${forget_reason:-}" ] || sed -i '/reason=saved/d' /var/log/libvirt/qemu/vm.log
    lab_start_libvirtd
    eventually 20 domain_is_off vm
}

# ends_well NUMBER: what runs now is the guest that was saved, on its disks; it ends, and is committed.
ends_well()
{
    expect "running" virsh domstate vm
    kinds_same_disks
    virsh destroy vm
    kinds_committed "$1"
}

lab_domain other "$POOL/vm/snapshot-dirty.img" >"$LAB/other.xml"
virsh define "$LAB/other.xml"

count=0
# Also where the log does not say any more that it was saved, but the file is there.
for forget_reason in "" yes; do
    run_to_save
    cut_off stopped managedsave vm
    [ -s /var/lib/libvirt/qemu/save/vm.save ] || die "there is no managed save"
    saved_well
    refused "'vm' & saved" "$POOL" virsh start other
    virsh start vm
    count=$((count + 1))
    ends_well $count
done
forget_reason=
ok "a managed save that was cut off: the disks of all kinds stay as they are for the restore"

run_to_save
cut_off stopped save vm "$save"
[ -s "$save" ] || die "there is no save file"
saved_well
refused "'vm' & saved" "$POOL" virsh start vm
refused "'vm' & saved" "$POOL" virsh start other
virsh restore "$save"
ends_well 3
ok "so they do after a save to a file"

# Here libvirt has forgotten already that the domain ran: nobody is told of its end.
run_to_save
cut_off release managedsave vm
kinds_same_disks
virsh start vm
ends_well 4
run_to_save
cut_off release save vm "$save"
saved_well
refused "'vm' & saved" "$POOL" virsh start other
refused "'vm' & saved" "$POOL" virsh vol-delete vm/volatile --pool pool
virsh restore "$save"
ends_well 5
ok "a restore finds them, too, where nobody has marked them as saved; nobody else does"

# What our program has noted when the domain stopped holds where no new file can be made in /run, and
# no volume can be locked.
run_to_save
cp -a /run/libvirt-reflink "$LAB/notes"
mount -t tmpfs -o nr_inodes=200,mode=700 notes /run/libvirt-reflink
cp -a "$LAB/notes/." /run/libvirt-reflink
while true; do mktemp -p /run/libvirt-reflink full.XXXXXX || break; done >/dev/null 2>&1
virsh save vm "$save"
workers_done
rm /run/libvirt-reflink/full.*
saved_well
fails_with "'vm' & saved & virt-reflink continue" virsh start vm
saved_well
# By now the images say so themselves.
umount /run/libvirt-reflink
saved_well
virsh restore "$save"
ends_well 6
ok "nor where /run was full at the end: the start that is refused marks them"

run_to_save
virsh save vm "$save"
cp "$save" "$LAB/copy"
for operation in prepare start started; do
    cut_off $operation restore "$save"
    kinds_same_disks
    cp "$LAB/copy" "$save"
done
virsh restore "$save"
ends_well 7
ok "a restore that was cut off can be tried again, as often as it is"

run_to_save
virsh managedsave vm
cp /var/lib/libvirt/qemu/save/vm.save "$LAB/copy"
for operation in prepare start started; do
    cut_off $operation start vm
    kinds_same_disks
    cp "$LAB/copy" /var/lib/libvirt/qemu/save/vm.save
    lab_restart_libvirtd
done
virsh start vm
ends_well 8
ok "so can that of a managed save"

no_temporary
done_testing
