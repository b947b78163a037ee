#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# A saved guest with read-only disks: these are kept for it like the others, through restores that fail,
# and what was only read is never committed.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64
kinds_make "$dir"
save=$LAB/vm.save
other=/etc/libvirt/hooks/qemu.d/60-other
vr=$STAGE_DIR/bin/virt-reflink

define_disks "$(disk file "file='$POOL/vm/persistent-dirty.img'")" \
    "$(disk file "file='$POOL/vm/template-dirty.img'" "<readonly/>" cdrom)" \
    "$(disk file "file='$POOL/vm/snapshot-dirty.img'" "<readonly/>" cdrom)" \
    "$(disk file "file='$POOL/vm/direct-dirty.img'" "<readonly/>" cdrom)"

# run: the guest counts on the disk that it can write to, and idles.
run()
{
    kinds_wish P
    virsh start vm
    kinds_idle vm 1
    kinds_note_disks
}

# ends_well COUNT: what the guest wrote is committed at its end; what it read has no revision.
ends_well()
{
    local volume

    expect "running" virsh domstate vm
    virsh destroy vm
    workers_done
    kinds_no_dirty
    [ "$(counter "$POOL/vm/persistent.img")" = "$1" ] || die "another count"
    for volume in template snapshot direct; do
        expect_exactly "" revisions "vm/$volume"
    done
}

# A hook that comes after ours may refuse.
cat >"$other" <<'HOOK'
#!/bin/sh
[ "$2" != prepare ] || [ ! -e /run/refuse ]
HOOK
chmod +x "$other"

run
virsh save vm "$save"
for attempt in first second; do
    touch /run/refuse
    fails_with "Hook script execution failed" virsh restore "$save"
    rm /run/refuse
    kinds_same_disks
    ok "a $attempt restore fails: the disks stay"
done
virsh restore "$save"
kinds_same_disks
ends_well 1
ok "restored after that, the guest goes on with them, and what it only reads gets no revision"

run
virsh managedsave vm
virsh managedsave-remove vm
kinds_same_disks
virsh start vm
kinds_idle vm 1
ends_well 3
ok "without its memory the guest starts on them"

run
virsh save vm "$save"
touch /run/refuse
fails_with "Hook script execution failed" virsh restore "$save"
rm /run/refuse
workers_done
for volume in template snapshot direct; do
    "$vr" stop "$POOL" "vm/$volume"
    expect_info "vm/$volume" stopped
    expect_exactly "" revisions "vm/$volume"
done
ok "stopped by hand, what was only read is not committed"
done_testing
