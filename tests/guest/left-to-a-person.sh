#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# What a domain left, and is not simply gone on with: a saved domain whose memory is gone, a disk that was
# made smaller while it ran, a clean image that was put back from a backup. Each message says the way out,
# and that works.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
kinds=(persistent snapshot volatile direct)

tool()
{
    "$STAGE_DIR/bin/virt-reflink" "$1" "$POOL" "${@:2}"
}

# save: a new run, which is saved where libvirt puts it.
save()
{
    kinds_start_idle
    virsh managedsave vm
    workers_done
}

save
virsh managedsave-remove vm
for kind in "${kinds[@]}"; do
    expect_info "vm/$kind" "leftover"
done
fails_with "'vm/persistent' & left" virsh vol-upload vm/persistent "$BOOT_IMAGE" --pool pool
virsh vol-resize vm/persistent 2M --pool pool
tool stop vm/persistent
tool stop vm/direct
expect_not "persistent-dirty" ls "$POOL/vm"
[ "$(counter "$POOL/vm/persistent.img") $(counter "$POOL/vm/direct.img")" = "1 1" ] ||
    die "not what the guest wrote"
virsh vol-upload vm/persistent "$BOOT_IMAGE" --pool pool
ok "a saved domain whose memory is gone is one that crashed, for every operation"
tool stop vm/snapshot
tool stop vm/volatile

save
for kind in "${kinds[@]}"; do
    refused "saved" "$POOL" virsh vol-delete "vm/$kind" --pool pool
done
virsh undefine vm --managed-save --remove-all-storage
workers_done
for kind in "${kinds[@]}"; do
    expect_not "$kind" ls "$POOL/vm"
done
ok "undefine --managed-save --remove-all-storage removes it with its volumes"

rm -rf "$POOL"
virsh pool-destroy pool
virsh pool-undefine pool
KEEP=9 kinds_make "$dir"

# shrink: the running domain's first disk is made smaller.
shrink()
{
    virsh blockresize vm hda 512K
}

size()
{
    stat -c %s "$POOL/vm/persistent$1.img"
}

kinds_start_idle
shrink
virsh managedsave vm
workers_done
virsh start vm
expect "running" virsh domstate vm
host_loses_power
virsh start vm
kinds_idle
virsh destroy vm
workers_done
[ "$(size "")" = $((512 * 1024)) ] || die "it has another size"
ok "a disk that was made smaller and saved is restored, and that is its size from then on"

virsh vol-resize vm/persistent 1M --pool pool
kinds_start_idle
shrink
host_loses_power
fails_with "smaller & virt-reflink continue" virsh start vm
tool continue vm/persistent
virsh start vm
kinds_idle
virsh destroy vm
workers_done
[ "$(size "")" = $((512 * 1024)) ] || die "it has another size"
virsh vol-resize vm/persistent 1M --pool pool
ok "after a crash 'virt-reflink continue' takes it as it is"

# crash_and_put_back: what the domain left is of another clean image than the backup of that.
cp "$POOL/vm/persistent.img" "$LAB/backup"
echo "the good state" | write_image "$LAB/backup" 4096
crash_and_put_back()
{
    kinds_start_idle
    echo "ransomware" | write_image "$POOL/vm/persistent-dirty.img" 4096
    host_loses_power
    cp "$LAB/backup" "$POOL/vm/new"
    mv "$POOL/vm/new" "$POOL/vm/persistent.img"
    fails_with "another clean image & virt-reflink discard & virt-reflink continue" virsh start vm
    expect "ransomware" strings "$POOL/vm/persistent-dirty.img"
    expect "the good state" strings "$POOL/vm/persistent.img"
}

crash_and_put_back
tool discard vm/persistent
virsh start vm
kinds_idle
virsh destroy vm
workers_done
expect "the good state" strings "$POOL/vm/persistent.img"
crash_and_put_back
tool continue vm/persistent
virsh start vm
kinds_idle
virsh destroy vm
workers_done
expect "ransomware" strings "$POOL/vm/persistent.img"
revision=$(virsh vol-list pool | awk '$1 ~ /^vm\/persistent@[0-9]+$/ { print $2 }' | tail -n 1)
expect "the good state" strings "$revision"
ok "a clean image that was put back is not passed over: a person says which one is right"

# A backup with attributes of a pool whose domain runs, put back after the host was lost.
kinds_start_idle
echo "half of it" | write_image "$POOL/vm/persistent-dirty.img" 4096
cp -a --reflink=always "$POOL/vm" "$dir/backup"
host_loses_power
rm -r "$POOL/vm"
cp -a --reflink=always "$dir/backup" "$POOL/vm"
before=$(sha256sum "$POOL"/vm/*.img)
for kind in "${kinds[@]}"; do
    expect_info "vm/$kind" "suspect"
    fails_with "'vm/$kind' & copy & 'vm' & virt-reflink continue" tool stop "vm/$kind"
done
fails_with "copy & virt-reflink continue" virsh start vm
[ "$(sha256sum "$POOL"/vm/*.img)" = "$before" ] || die "an image was changed"
tool discard vm/persistent
for kind in "${kinds[@]:1}"; do
    tool continue "vm/$kind"
done
virsh start vm
kinds_idle
virsh destroy vm
workers_done
expect_not "half of it" strings "$POOL/vm/persistent.img"
ok "a copy that was made while the domain ran is for a person to decide about"

no_temporary
done_testing
