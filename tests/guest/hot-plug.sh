#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# What libvirt does with a disk's path without asking a hook: a disk that a running domain is given, and
# what is said of a domain that is off, or removed with its storage. The volume has to be started for
# it by hand.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
kinds_make "$dir"
virsh vol-create-as pool data 1M
data=$(virsh vol-path data pool)

tool()
{
    "$STAGE_DIR/bin/virt-reflink" "$@"
}

attach()
{
    virsh attach-disk vm "$data" vdb --live --targetbus virtio --subdriver raw
}

state()
{
    tool list "$POOL" | awk '$1 == "data" { print $3 }'
}

fails_with "Failed to open file .*persistent-dirty.img" virsh domblkinfo vm hda
virsh start vm --paused
expect "1048576" virsh domblkinfo vm hda
ok "domblkinfo is for domains that run"

fails_with "Cannot access storage file '$data'" attach
tool start "$POOL" data >/dev/null
attach
expect_exactly running state
fails_with "still has its dirty image open" tool stop "$POOL" data
virsh detach-disk vm vdb --live
virsh destroy vm
workers_done
expect_exactly running state
expect "data is " tool stop "$POOL" data
expect_exactly stopped state
ok "a volume that was started by hand can be plugged in; who started it stops it"

# A domain with a short path, which nobody manages for libvirt.
virsh vol-create-as pool short 1M
lab_domain other "$POOL/short" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
virsh undefine other --remove-all-storage 2>"$LAB/said"
expect "'hda'($POOL/short) is not managed by libvirt" cat "$LAB/said"
expect "short" virsh vol-list pool
lab_domain other "$(virsh vol-path short pool)" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
virsh undefine other --remove-all-storage
expect_not "short" virsh vol-list pool
ok "with its storage a domain is removed by the path that vol-path says"
done_testing
