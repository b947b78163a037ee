#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# One domain, and all that can happen to it while it runs, and after.
. "${0%/*}/../lib.sh"
begin_story

pool_document "$pool" "$POOL" "<reflink:revisions keep='9'/>" >"$LAB/pool.xml"
make_pool "$LAB/pool.xml" vm/disk 16M
fill_volume vm/disk "at rest"
define_domain "$pool" vm/disk
define_domain "$pool-other" vm/disk
dirty=$POOL/vm/disk-dirty.img

start "$pool"
guest "$pool" "remembered=yes; put xvda one"
inode=$(stat -c %i "$dirty")
fails_with "'vm/disk' & in use & '$pool'" virsh start "$pool-other"
expect running virsh domstate "$pool"
[ "$(stat -c %i "$dirty")" = "$inode" ]
ok "a second domain on the volume is refused, and told the first one's name"

virsh vol-clone vm/disk vm/disk@label --pool "$pool"
guest "$pool" put xvda two
has_text "$POOL/vm/disk.img@label" one
ok "a named revision of a running guest's disk holds what it had synced then"

virsh vol-resize vm/disk 24M --pool "$pool"
slowly guest "$pool" has_size xvda 25165824
ok "a running guest sees that its disk has grown"

guest "$pool" fill xvda 4 8
sync -f "$POOL"
before=$(stat -c %b "$dirty")
guest "$pool" blkdiscard -o 4194304 -l 8388608 /dev/xvda
sync -f "$POOL"
after=$(stat -c %b "$dirty")
[ $((before - after)) -ge 16000 ] || die "it had $before blocks, and has $after"
ok "what the guest discards goes back to the pool"

virsh save "$pool" "/var/lib/$pool.save"
slowly is_at_rest "$pool"
expect_info vm/disk "saved"
has_text "$dirty" two
fails_with "'$pool' & saved" virsh start "$pool-other"
fails_with "'$pool' & saved" virsh start "$pool"
forget_output "$pool"
alone virsh restore "/var/lib/$pool.save"
rm "/var/lib/$pool.save"
# shellcheck disable=SC2016
expect "yes two" guest "$pool" 'echo $remembered $(get xvda)'
guest "$pool" put xvda three
[ "$(stat -c %i "$dirty")" = "$inode" ]
ok "saved to a file: only its restore goes on with the disk, and that as it was"

virsh managedsave "$pool"
slowly is_at_rest "$pool"
expect_info vm/disk "saved"
has_text "$dirty" three
alone virsh start "$pool"
# shellcheck disable=SC2016
expect "yes three" guest "$pool" 'echo $remembered $(get xvda)'
guest "$pool" put xvda four
[ "$(stat -c %i "$dirty")" = "$inode" ]
has_text "$POOL/vm/disk.img" "at rest"
ok "managed save: the next start restores it on its disk"

forget_output "$pool"
tell "$pool" reboot -f
wait_until_up "$pool"
expect running virsh domstate "$pool"
expect_exactly "four" guest "$pool" get xvda
guest "$pool" put xvda five
ok "a guest that reboots has what it wrote before"

virsh shutdown "$pool"
slowly is_off "$pool"
committed vm/disk five
newest_revision_has vm/disk four
ok "a shutdown commits what was written since"

revision=$(cd "$POOL/vm" && grep -l "^at rest" disk.img.*@*)
revision=${revision#disk.img.}
virsh vol-clone "vm/disk@${revision%%@*}" vm/disk@current --pool "$pool"
has_text "$POOL/vm/disk.img" "at rest"
newest_revision_has vm/disk five
start "$pool"
expect_exactly "at rest" guest "$pool" get xvda
ok "a revert: the next start has the old content, and what was current is a revision"

guest "$pool" put xvda crashing
tell "$pool" "echo c >/proc/sysrq-trigger"
slowly is_off "$pool"
expect crashed virsh domstate "$pool" --reason
committed vm/disk crashing
newest_revision_has vm/disk "at rest"
ok "a guest that crashes is committed as it was left"

# libvirt has removed the memory's file when the hook is asked.
start "$pool"
virsh managedsave "$pool"
slowly is_at_rest "$pool"
rm "$dirty"
fails_with "'vm/disk' & no dirty image & saved" virsh start "$pool"
[ ! -e "$dirty" ]
has_text "$POOL/vm/disk.img" crashing
ok "a managed save whose disk is gone is not restored on another one"

done_testing
