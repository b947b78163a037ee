#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A domain as Qubes has them: a root from a template, what it keeps, and what it does not.
. "${0%/*}/../lib.sh"
begin_story

make_pool "<reflink:revisions keep='9'/><reflink:volume match='*/volatile' kind='volatile'/>" \
    template/root 16M vm/private 16M vm/volatile 8M
create_snapshot "$pool" vm/root "$POOL/template/root.img"
fill_volume template/root "template 1"
fill_volume vm/private "nothing yet"
documented_domain "$pool" vm >"$LAB/$pool.xml"
virsh define "$LAB/$pool.xml"
define_domain "$pool-template" template/root
ok "a pool, a template, and volumes of three kinds"

start "$pool"
expect "template 1" guest "$pool" get xvda
expect "nothing yet" guest "$pool" get xvdb
guest "$pool" "put xvda spoilt; put xvdb first; put xvdc scratch"
expect "$POOL/vm/private-dirty.img" losetup --list
has_text "$POOL/template/root.img" "template 1"
has_text "$POOL/vm/private.img" "nothing yet"
expect_info vm/private "Xen domain       $pool"
ok "a guest reads and writes its disks, and the clean images stay as they are"

expect "<path>$POOL/template/root.img</path>" virsh vol-dumpxml vm/root "$pool"
start "$pool-template"
guest "$pool-template" "put xvda 'template 2'"
tell "$pool-template" poweroff -f
slowly is_off "$pool-template"
committed template/root "template 2"
newest_revision_has template/root "template 1"
expect "<path>$POOL/template/root.img.2@" virsh vol-dumpxml vm/root "$pool"
expect "spoilt" guest "$pool" get xvda
ok "a template that is updated while a domain runs on it: vol-dumpxml shows what that runs on"

tell "$pool" poweroff -f
slowly is_off "$pool"
committed vm/private "first"
newest_revision_has vm/private "nothing yet"
slowly is_gone "$POOL/vm/root-dirty.img"
slowly is_gone "$POOL/vm/volatile-dirty.img"
ok "a guest that powers off: what it keeps is committed, and the old content is a revision"

start "$pool"
expect "template 2" guest "$pool" get xvda
expect "first" guest "$pool" get xvdb
expect_not "scratch" guest "$pool" get xvdc
guest "$pool" has_size xvdc 8388608
ok "the next start has the template's update, what was kept, and nothing of what was not"

guest "$pool" put xvdb second
virsh destroy "$pool"
slowly is_off "$pool"
committed vm/private "second"
newest_revision_has vm/private "first"
expect_exactly 3 revisions vm/private
has_text "$POOL/template/root.img" "template 2"
ok "a domain that is destroyed is committed as well"

done_testing
