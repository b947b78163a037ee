#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Whose images are at rest, with libvirt's own users for device models: dynamic ownership, which
# makes a device model the owner of its disks, and remembered owners.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds states own-users -- \
    qemu-system-x86_64 setpriv setfattr getfattr
# shellcheck disable=SC2034
long_saves=yes

chmod 755 "$LAB" "$dir"
own_users
kinds_make "$dir"
chmod 777 "$LAB" # the device model makes its console's log there

# at_rest: the access of all images at rest, and what libvirt notes of owners.
at_rest()
{
    find "$POOL/vm" -name '*.img*' ! -name '*-dirty.img' -printf '%m %U:%G\n' | sort -u
    find "$POOL/vm" -name '*.img*' ! -name '*-dirty.img' -exec \
        getfattr --absolute-names -d -m '^(trusted.libvirt.security|system.posix_acl)' {} +
}

# gives_all IMAGE: what a device model that its guest has taken over does to its image.
gives_all()
{
    device_model chmod 0666 "$1"
    # u::rw u:6666:rw g::rw m::rw o::rw
    device_model setfattr -n system.posix_acl_access \
        -v 0x0200000001000600ffffffff020006000a1a000004000600ffffffff10000600ffffffff20000600ffffffff "$1"
}

# --- the run of a device model that lets everybody in

chown 1000:1001 "$POOL/vm/persistent.img" "$POOL/vm/direct.img" "$POOL/vm/template.img"
chmod 640 "$POOL/vm/persistent.img" "$POOL/vm/direct.img" "$POOL/vm/template.img"
rm -f "$POOL"/vm/*-precache.img # made with what was theirs before
wanted=$(at_rest)
[ "$wanted" = "640 1000:1001" ] || die "they begin as $wanted"
kinds_start_idle
[ "$(stat -c %U "$POOL/vm/persistent-dirty.img")" = libvirt-qemu ] || die "libvirt changes no owner"
for kind in persistent snapshot volatile direct; do
    gives_all "$POOL/vm/$kind-dirty.img"
done
expect "<mode>0640</mode>" virsh vol-dumpxml vm/persistent pool
expect "<owner>1000</owner>" virsh vol-dumpxml vm/persistent pool
expect "<mode>0640</mode>" virsh vol-dumpxml vm/direct pool
virsh vol-clone vm/persistent vm/persistent@label --pool pool
virsh vol-clone vm/persistent vm/copy --pool pool
virsh destroy vm
workers_done
kinds_committed 1
expect_exactly "$wanted" at_rest
virsh vol-clone vm/persistent@1 vm/persistent@current --pool pool
workers_done
expect_exactly "$wanted" at_rest
ok "what a device model gives to everybody ends with its run: commits, clones, revisions, reverts"

# --- after a crash of the host

kinds_start_idle
for kind in persistent direct; do
    # The laboratory's clock tells libvirt of no other boot.
    setfattr -n trusted.libvirt.security.timestamp_dac -v 1 "$POOL/vm/$kind-dirty.img"
    gives_all "$POOL/vm/$kind-dirty.img"
done
kinds_wish P
host_loses_power
own_users
virsh start vm
kinds_idle
virsh destroy vm
workers_done
expect_exactly "$wanted" at_rest
kinds_start_idle
gives_all "$POOL/vm/persistent-dirty.img"
host_loses_power
own_users
for kind in persistent direct; do
    "$STAGE_DIR/bin/virt-reflink" stop "$POOL" vm/$kind
done
workers_done
expect_exactly "$wanted" at_rest
! device_model dd if=/dev/zero of="$POOL/vm/persistent.img" bs=512 count=1 conv=notrunc 2>/dev/null ||
    die "the device models' user writes to an image at rest"
ok "after a crash of the host, too, whoever ends the run"

# --- a process that does not see what is noted on images

blind()
{
    setpriv --bounding-set=-sys_admin --inh-caps=-all -- "$STAGE_DIR/bin/virt-reflink" "$@"
}
virsh vol-delete vm/persistent@label pool
virsh vol-delete vm/copy pool
kinds_start_idle
counts=$(kinds_counts)
virsh save vm "$LAB/vm.save"
workers_done
kinds_note_disks
for kind in persistent snapshot volatile direct; do
    for command in stop discard continue start; do
        refused CAP_SYS_ADMIN "$POOL" blind $command "$POOL" vm/$kind
    done
done
expect CAP_SYS_ADMIN bash -c "setpriv --bounding-set=-sys_admin --inh-caps=-all -- \
    '$STAGE_DIR/bin/virt-reflink' list '$POOL' 2>&1"
kinds_same_disks
ok "without CAP_SYS_ADMIN a saved domain's disks stay"

# --- a copy without attributes

virsh pool-destroy pool
mv "$POOL" "$POOL.old"
cp -r --preserve=mode,ownership,timestamps,links "$POOL.old" "$POOL"
virsh pool-start pool
kinds_note_disks
refused "attributes" "$POOL" virsh start vm
refused "attributes" "$POOL" virsh restore "$LAB/vm.save"
refused "attributes" "$POOL" virsh vol-delete vm/template pool
for command in stop discard continue; do
    refused "virsh pool-build" "$POOL" tool $command "$POOL" vm/persistent
done
virsh vol-download vm/template "$LAB/template" --pool pool
virsh pool-destroy pool
virsh pool-build pool
virsh pool-start pool
refused "no attributes of the pool" "$POOL" virsh start vm
refused "no attributes of the pool" "$POOL" tool stop "$POOL" vm/persistent
expect foreign tool info "$POOL" vm/volatile
kinds_same_disks
for kind in persistent snapshot volatile direct; do
    tool continue "$POOL" vm/$kind
done
# By its date the memory is of after the copy, as its own copy would be.
touch "$LAB/vm.save"
virsh restore "$LAB/vm.save"
virsh destroy vm
workers_done
kinds_no_dirty
[ "$(counter "$POOL/vm/persistent.img")" = "${counts%% *}" ] || die "what was saved is lost"
kinds_start_idle
virsh destroy vm
ok "nor are they lost in a copy without attributes: a person takes that over, and decides"

done_testing
