#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Starts that cannot be, and domains that libvirt does not know.
. "${0%/*}/../lib.sh"
begin_story

pool_document "$pool" "$POOL" "<reflink:revisions keep='9'/>" >"$LAB/pool.xml"
make_pool "$LAB/pool.xml" vm/disk 16M vm/left 16M
fill_volume vm/disk "at rest"
count=$(revisions vm/disk)

define_domain "$pool-missing" vm/disk vm/missing
fails_with "'vm/missing' & '$POOL'" virsh start "$pool-missing"
[ ! -e "$POOL/vm/disk-dirty.img" ]
ok "a volume that is not there: virsh says so, and the others are put back"

echo "no kernel" >"$LAB/kernel"
sleep 2 # younger, the image's date would prove nothing
KERNEL=$LAB/kernel define_domain "$pool-broken" vm/disk
fails_with "libxenlight failed to create new domain" virsh start "$pool-broken"
committed vm/disk "at rest"
expect_exactly "$count" revisions vm/disk
ok "a start that fails makes no revision"

domain_document "$pool-volume" vm/disk |
    sed -e "s,<disk type='file',<disk type='volume'," -e "s,<source .*,<source pool='$pool' volume='vm/disk'/>," \
        >"$LAB/volume.xml"
virsh define "$LAB/volume.xml"
fails_with "libxenlight failed to create new domain" virsh start "$pool-volume"
committed vm/disk "at rest"
expect_exactly "$count" revisions vm/disk
ok "libxl does not take a disk that is named as a volume, and that leaves nothing behind"

define_domain "$pool" vm/disk
virt-reflink start "$POOL" vm/disk
xl_document "$pool-xl" vm/disk >"$LAB/xl.cfg"
forget_output "$pool-xl"
alone xl create -q "$LAB/xl.cfg"
wait_until_up "$pool-xl"
guest "$pool-xl" "put xvda 'by xl'"
expect_info vm/disk "Xen domain       $pool-xl"
fails_with "'$pool-xl'" virsh start "$pool"
fails_with "vm/disk" virsh vol-delete vm/disk --pool "$pool"
fails_with "vm/disk" virsh vol-clone "vm/disk@1" vm/disk@current --pool "$pool"
fails_with "open" virt-reflink stop "$POOL" vm/disk
fails_with "running" virt-reflink discard "$POOL" vm/disk
has_text "$POOL/vm/disk-dirty.img" "by xl"
has_text "$POOL/vm/disk.img" "at rest"
ok "a domain of xl's: start, delete and revert are refused, and the start names that domain"

define_domain "$pool-left" vm/left
fill_volume vm/left "at rest"
cp --reflink=always "$POOL/vm/left.img" "$POOL/vm/left-dirty.img"
xl_document "$pool-xl2" vm/left >"$LAB/xl2.cfg"
alone xl create -q -p "$LAB/xl2.cfg"
fails_with "'$pool-xl2'" virsh start "$pool-left"
fails_with "vm/left" virsh vol-delete vm/left --pool "$pool"
fails_with "vm/left" virsh vol-clone "vm/left@1" vm/left@current --pool "$pool"
fails_with "open" virt-reflink stop "$POOL" vm/left
has_text "$POOL/vm/left.img" "at rest"
xl destroy "$pool-xl2"
ok "and so they are on an image that nobody was given, but that xl's domain has"

xl destroy "$pool-xl"
slowly virt-reflink stop "$POOL" vm/disk
committed vm/disk "by xl"
newest_revision_has vm/disk "at rest"
ok "when it is gone, virt-reflink commits what it wrote"

done_testing
