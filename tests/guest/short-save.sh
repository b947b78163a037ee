#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A save file that is so short that newer libvirt has read all of it before it calls the hook (backend/hook/read-ahead.h):
# only what is in the pipe tells which memory it is. A managed save is recognised; of another file nobody knows
# which save it is, so it is refused. Older libvirt has the file open, and restores both.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
kinds_make "$dir"
managed=/var/lib/libvirt/qemu/save/vm.save

kinds_start_idle
virsh managedsave vm
workers_done
cp -p $managed "$LAB/first"
[ "$(stat -c %s $managed)" -lt 1000000 ] || die "the save file is not short"
kinds_note_disks
virsh start vm
expect "running" virsh domstate vm
kinds_same_disks
ok "a managed save is restored"

virsh managedsave vm
workers_done
cp -p $managed "$LAB/second"
cp -p "$LAB/first" $managed
fails_with "memory & another save|earlier save" virsh start vm
cp -p "$LAB/second" $managed
kinds_note_disks
virsh start vm
kinds_same_disks
ok "but not that of an earlier save in its place"

virsh save vm "$LAB/save"
workers_done
kinds_note_disks
if saves_are_read_ahead; then
    fails_with "so short & virt-reflink continue" virsh restore "$LAB/save"
    domain_is_off vm || die "the domain runs"
else
    virsh restore "$LAB/save"
    expect "running" virsh domstate vm
fi
kinds_same_disks
ok "a save to another file is refused where nobody knows which one it is"
done_testing
