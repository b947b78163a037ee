#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Starts that cannot be, and a domain that libvirt does not know.
. "${0%/*}/../lib.sh"
begin_story

make_pool "<reflink:revisions keep='9'/>" vm/disk 16M
fill_volume vm/disk "at rest"
count=$(revisions vm/disk)

define_domain "$pool-missing" vm/disk vm/missing
fails_with "there is no volume 'vm/missing' in pool '$POOL'" virsh start "$pool-missing"
[ ! -e "$POOL/vm/disk-dirty.img" ]
ok "a volume that is not there: virsh says so, and the others are put back"

echo "no kernel" >"$LAB/kernel"
sleep 2 # younger, the image's date would prove nothing
KERNEL=$LAB/kernel define_domain "$pool-broken" vm/disk
fails_with "libxenlight failed to create new domain" virsh start "$pool-broken"
committed vm/disk "at rest"
expect_exactly "$count" revisions vm/disk
ok "a start that fails makes no revision"

define_domain "$pool" vm/disk
virt-reflink start "$POOL" vm/disk
cat >"$LAB/xl.cfg" <<-END
	name = "$pool-xl"
	kernel = "/boot/vmlinux"
	ramdisk = "/lab/initramfs-guest.img"
	extra = "$GUEST_CMDLINE"
	memory = 128
	disk = ["format=raw,vdev=xvda,access=rw,target=$POOL/vm/disk-dirty.img"]
END
alone xl create -q "$LAB/xl.cfg"
slowly is_up "$pool-xl"
guest "$pool-xl" "put xvda 'by xl'"
expect_info vm/disk "Xen domain       $pool-xl"
fails_with "the Xen domain '$pool-xl' has it as a disk" virsh start "$pool"
fails_with "cannot be" virsh vol-delete vm/disk --pool "$pool"
fails_with "cannot be" virsh vol-clone "vm/disk@1" vm/disk@current --pool "$pool"
fails_with "still has its dirty image open" virt-reflink stop "$POOL" vm/disk
fails_with "it is running" virt-reflink discard "$POOL" vm/disk
has_text "$POOL/vm/disk-dirty.img" "by xl"
ok "a domain of xl's: start, delete and revert are refused, and the start names that domain"

xl destroy "$pool-xl"
slowly virt-reflink stop "$POOL" vm/disk
committed vm/disk "by xl"
newest_revision_has vm/disk "at rest"
ok "when it is gone, virt-reflink commits what it wrote"

done_testing
