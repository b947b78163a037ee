#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The pool and the domain of docs/xen.md, which is as Qubes has them: a root from a template, what it
# keeps, and what it does not. And a template's domain, with a direct volume.
. "${0%/*}/../lib.sh"
begin_story

documented_pool >"$LAB/pool.xml"
make_pool "$LAB/pool.xml" template/root 16M appvms/demo/private 16M appvms/demo/volatile 8M db/data 8M
create_snapshot "$pool" appvms/demo/root "$POOL/template/root.img"
fill_volume template/root "template 1"
fill_volume appvms/demo/private "nothing yet"
documented_domain "$pool" >"$LAB/$pool.xml"
virsh define "$LAB/$pool.xml"
define_domain "$pool-template" template/root db/data
define_domain "$pool-other" appvms/demo/private
expect_info appvms/demo/root "snapshot"
expect_info appvms/demo/volatile "volatile"
expect_info db/data "direct"
private=$POOL/appvms/demo/private
ok "the documented pool and domain, with volumes of four kinds"

start "$pool"
expect_exactly "template 1" guest "$pool" get xvda
expect_exactly "nothing yet" guest "$pool" get xvdb
guest "$pool" "put xvda spoilt; put xvdb first; put xvdc scratch"
expect "$private-dirty.img" losetup --list
has_text "$private-dirty.img" "first"
has_text "$POOL/template/root.img" "template 1"
has_text "$private.img" "nothing yet"
expect_info appvms/demo/private "Xen domain       $pool"
ok "a guest reads and writes its disks, and the clean images stay as they are"

start "$pool-template"
guest "$pool-template" "put xvda 'template 2'; put xvdb kept"
has_text "$POOL/db/data-dirty.img" "kept"
[ ! -e "$POOL/db/data.img" ]
ok "while a domain writes to a direct volume, that has no other image"

meet "before libvirtd is killed"
if is_first; then
    kill_libvirtd
fi
meet "after libvirtd was killed"
expect_exactly "spoilt" guest "$pool" get xvda
tell "$pool-template" poweroff -f
slowly is_in_state s "$pool-template"
xl destroy "$pool-template"
has_text "$POOL/template/root.img" "template 1"
meet "before libvirtd is started"
if is_first; then
    start_libvirtd
fi
meet "after libvirtd was started"
expect running virsh domstate "$pool"
expect "running" virt-reflink list "$POOL"
fails_with "'appvms/demo/private' & in use & '$pool'" virsh start "$pool-other"
expect_exactly "first" guest "$pool" get xvdb
ok "a guest outlives libvirtd, and so does its claim on the volume"

slowly is_off "$pool-template"
committed template/root "template 2"
newest_revision_has template/root "template 1"
committed db/data "kept"
expect_exactly 0 revisions db/data
ok "a guest that ends while there is no libvirtd is committed by the next"

expect "<path>$POOL/template/root.img.2@" virsh vol-dumpxml appvms/demo/root "$pool"
expect_exactly "spoilt" guest "$pool" get xvda
ok "a template that is updated while a domain runs on it: vol-dumpxml shows what that runs on"

tell "$pool" poweroff -f
slowly is_off "$pool"
committed appvms/demo/private "first"
newest_revision_has appvms/demo/private "nothing yet"
slowly is_gone "$POOL/appvms/demo/root-dirty.img"
slowly is_gone "$POOL/appvms/demo/volatile-dirty.img"
ok "a guest that powers off: what it keeps is committed, and the old content is a revision"

start "$pool"
expect_exactly "template 2" guest "$pool" get xvda
expect_exactly "first" guest "$pool" get xvdb
expect_not "scratch" guest "$pool" get xvdc
guest "$pool" has_size xvdc 8388608
expect "<path>$POOL/template/root.img</path>" virsh vol-dumpxml appvms/demo/root "$pool"
ok "the next start has the template's update, what was kept, and nothing of what was not"

guest "$pool" put xvdb second
virsh destroy "$pool"
slowly is_off "$pool"
committed appvms/demo/private "second"
newest_revision_has appvms/demo/private "first"
expect_exactly 3 revisions appvms/demo/private
has_text "$POOL/template/root.img" "template 2"
ok "a domain that is destroyed is committed as well"

alone virsh start --paused "$pool-other"
write_text "$private-dirty.img" "third"
xl destroy "$pool-other"
slowly is_off "$pool-other"
committed appvms/demo/private "third"
newest_revision_has appvms/demo/private "second"
ok "and so is one that xl destroys behind libvirt's back"

domain_document "$pool-preserved" appvms/demo/private |
    sed "s,<on_crash>destroy,<on_crash>preserve," >"$LAB/preserved.xml"
virsh define "$LAB/preserved.xml"
start "$pool-preserved"
guest "$pool-preserved" put xvda fourth
tell "$pool-preserved" "echo c >/proc/sysrq-trigger"
slowly is_in_state c "$pool-preserved"
fails_with "'appvms/demo/private' & in use & '$pool-preserved'" virsh start "$pool-other"
has_text "$private.img" "third"
virsh destroy "$pool-preserved"
slowly is_off "$pool-preserved"
committed appvms/demo/private "fourth"
newest_revision_has appvms/demo/private "third"
ok "a domain that is preserved after a crash has its disk until it is destroyed"

done_testing
