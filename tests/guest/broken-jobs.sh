#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# libvirt's daemon ends between what it asks of the device model and the answer: the device model goes on on
# another file than libvirt knows.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64
kinds_make "$dir"
status=/run/libvirt/qemu/vm.xml

# die_in_pivot MIRROR: libvirt's daemon has written down that the device model goes on on the mirror of the disk hda, and
# ends before it has made that the disk. MIRROR is what it has written of the job then.
die_in_pivot()
{
    kill -KILL "$LIBVIRTD_PID"
    forget_libvirtd
    grep -q "<mirror .*ready='yes'" $status || die "no job is ready"
    sed -i "s/<mirror \(.*\) job='[^']*' ready='yes'/<mirror \1 $1/" $status
    grep -q "<mirror .*$1" $status || die "not written down"
}

# ends_unseen: the guest ends before the daemon is back.
ends_unseen()
{
    kill -KILL "$(cat /run/libvirt/qemu/vm.pid)"
    sleep 1
    lab_start_libvirtd
    workers_done
}

# is_suspect: the domain does not start on what may be an older state; an administrator decides.
is_suspect()
{
    expect_info vm/persistent "suspect"
    expect_info vm/persistent "block job or snapshot of its domain was interrupted"
    fails_with "vm/persistent & suspect & block job or snapshot" virsh start vm
    virsh define "$LAB/vm.xml"
    rm -f "$LAB/overlay" "$LAB/hda.copy"
    tool continue "$POOL" vm/persistent
    tool discard "$POOL" vm/persistent
    kinds_no_dirty
    [ ! -e "$POOL/vm/persistent.img.1@"* ] || die "committed"
}

# one_disk: the domain with the persistent volume alone runs.
one_disk()
{
    define_disks "$(disk volume "pool='pool' volume='vm/persistent'")"
    kinds_wish P
    virsh start vm
    kinds_idle vm 1
}

one_disk
virsh blockcopy vm hda "$LAB/hda.copy" --wait --transient-job
die_in_pivot "job='copy' ready='pivot'"
ends_unseen
is_suspect
ok "a copy that the guest may have gone on on makes the image suspect"

# libvirt 9.0.0 cannot read the second form, which it writes itself: so it calls no hook at the end.
for job in "job='active-commit' ready='pivot'" "job=''"; do
    one_disk
    virsh snapshot-create-as vm first --disk-only --no-metadata --diskspec "hda,file=$LAB/overlay"
    virsh blockcommit vm hda --active --wait
    die_in_pivot "$job"
    ends_unseen
    expect "shut off" virsh domstate vm
    if [ "$job" = "job=''" ]; then
        fails_with "vm/persistent & suspect" virsh start vm
    fi
    is_suspect
done
ok "so does a commit, also if the start is the first to learn of it"

# What the device model was asked for, it does; libvirt does not know. Newer versions have no node for the format raw.
one_disk
node=$(virsh qemu-monitor-command vm '{"execute": "query-block"}' | grep -o 'libvirt-1-[a-z]*' | head -n 1)
virsh qemu-monitor-command vm \
    '{"execute": "blockdev-snapshot-sync", "arguments": {"node-name": "'"$node"'", "snapshot-node-name": "top",
      "snapshot-file": "'"$LAB/overlay"'", "format": "qcow2"}}' >"$LAB/said"
expect_not "error" cat "$LAB/said"
lab_restart_libvirtd
expect "vm/persistent" virsh domblklist vm
expect_info vm/persistent "suspect"
virsh destroy vm
workers_done
is_suspect
ok "a daemon that comes back sees that the guest does not write to the image any more"

one_disk
lab_restart_libvirtd
expect_info vm/persistent "running"
virsh destroy vm
workers_done
kinds_no_dirty
rm -f "$POOL"/vm/persistent.img.*
ok "and that it does"

# In the middle of it nothing tells whether the guest wrote to the snapshot's file.
one_disk
kill -KILL "$LIBVIRTD_PID"
forget_libvirtd
sed -i "s|<job .*/>||; s|<domain |<job type='none' async='snapshot' phase='none'/>&|" $status
ends_unseen
is_suspect
ok "a snapshot in whose middle all ended makes the image suspect"

# A snapshot that ends the domain is complete.
one_disk
virsh snapshot-create-as vm first --disk-only --halt --no-metadata --diskspec "hda,file=$LAB/overlay"
workers_done
expect "shut off" virsh domstate vm
expect_info vm/persistent "overlaid"
ok "one that ends the domain by itself does not"

no_temporary
done_testing
