#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A saved guest's memory knows what its disks hold: they stay as they are, whatever their kind, until
# that guest is restored on them, or a person decides otherwise.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
save=$LAB/vm.save

# ends_well NUMBER: what runs now is the guest that was saved, on its disks; it ends, and is committed.
ends_well()
{
    expect "running" virsh domstate vm
    kinds_same_disks
    # What it writes from now on belongs to the same run.
    echo "after the restore" | write_image "$POOL/vm/persistent-dirty.img" 4096
    virsh destroy vm
    kinds_committed "$1"
    expect "after the restore" strings "$POOL/vm/persistent.img"
    expect_exactly "" revisions vm/direct
}

run_to_save
virsh managedsave vm
saved_well
ok "managed save: the disks of all kinds stay as they are"

for volume in vm/persistent vm/snapshot vm/volatile vm/direct; do
    refused "saved" "$POOL" virsh vol-resize $volume 2M --pool pool
    refused "saved" "$POOL" virsh vol-delete $volume --pool pool
done
virsh vol-clone vm/persistent vm/persistent@label --pool pool
refused "saved" "$POOL" virsh vol-clone vm/persistent@label vm/persistent@current --pool pool
virsh vol-delete vm/persistent@label --pool pool
ok "deleting, resizing and reverting a saved guest's volumes is refused; a named revision is not"

lab_domain other "$POOL/vm/persistent-dirty.img" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
refused "'vm' & saved & virt-reflink continue" "$POOL" virsh start other
ok "another domain cannot have a saved guest's disk"

virsh start vm
ends_well 1
ok "a start restores it on the same disks, and its end is as usual"

run_to_save
virsh save vm "$save"
saved_well
lab_restart_libvirtd
saved_well
fails_with "saved & restore & virt-reflink continue" virsh start vm
saved_well
# A hook of the site, behind ours, holds the restore before it has the domain.
site=/etc/libvirt/hooks/qemu.d/60-site
cat >$site <<END
#!/bin/sh
[ "\$2" = restore ] || exit 0
touch "$LAB/restoring"
while [ -e "$LAB/restoring" ]; do sleep 0.1; done
END
chmod +x $site
virsh restore "$save" &
restore=$!
eventually 20 test -e "$LAB/restoring"
fails_with "'vm' & restore & try again" virsh start vm
saved_well
rm "$LAB/restoring"
wait $restore
rm $site
ends_well 2
ok "saved to a file: a plain start is refused, also beside a restore; that goes on, also after a restart of libvirtd"

# altered: the domain's XML, which libvirt will not restore it with.
altered()
{
    sed 's/<vcpu\([^>]*\)>1</<vcpu\1>2</' "$LAB/vm.xml"
}

# That libvirt is asked to restore it is told before it looks at more.
run_to_save
virsh save vm "$save"
altered >"$LAB/altered.xml"
fails_with . virsh restore "$save" --xml "$LAB/altered.xml"
fails_with "saved & restore & virt-reflink continue" virsh start vm
saved_well
virsh restore --bypass-cache "$save"
ends_well 3
ok "after a restore that failed before it began, a plain start is refused, and a restore goes on"

run_to_save
virsh save vm "$save"
virsh restore "$save"
fails_with "already active" virsh restore "$save"
ends_well 4
kinds_start_idle
virsh destroy vm
kinds_committed 5
ok "the next start of a domain that ran when a restore was tried is a plain one"

run_to_save
virsh managedsave vm
host_loses_power
saved_well
virsh start vm
ends_well 6
run_to_save
virsh save vm "$save"
host_loses_power
saved_well
virsh restore "$save"
ends_well 7
ok "a save outlives the host's loss of power, with all its disks"

# continued PERSISTENT SNAPSHOT VOLATILE DIRECT: a plain start found what the saved guest had left.
continued()
{
    kinds_idle
    expect_exactly "$*" kinds_counts
    virsh destroy vm
    kinds_committed "$1"
}

run_to_save
virsh managedsave vm
virsh start vm --force-boot
continued 9 102 2 9
ok "start --force-boot drops the memory, and goes on with the disks of all kinds"

run_to_save
virsh managedsave vm
virsh managedsave-remove vm
virsh start vm
continued 11 102 2 11
run_to_save
virsh managedsave vm
rm /var/lib/libvirt/qemu/save/vm.save
virsh start vm
continued 13 102 2 13
ok "so does a start after managedsave-remove, or after the file went"

run_to_save
virsh save vm "$save"
rm "$save"
fails_with "'vm' & saved" virsh start vm
saved_well
for kind in persistent snapshot volatile direct; do
    "$STAGE_DIR/bin/virt-reflink" continue "$POOL" "vm/$kind" >/dev/null
done
sed "s,<serial .*</serial>,<serial type='file'><source path='/nonexistent/x'/></serial>," \
    "$LAB/vm.xml" >"$LAB/failing.xml"
virsh define "$LAB/failing.xml"
fails_with . virsh start vm
workers_done
kinds_same_disks
virsh define "$LAB/vm.xml"
virsh start vm
continued 15 102 2 15
ok "a save file elsewhere that is gone: refused, until a person says 'virt-reflink continue'"
ok "a start that fails does not lose what was to be continued"

run_to_save
virsh save vm "$save"
for kind in persistent snapshot volatile; do
    "$STAGE_DIR/bin/virt-reflink" discard "$POOL" "vm/$kind" >/dev/null
done
fails_with "only" "$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/direct
"$STAGE_DIR/bin/virt-reflink" continue "$POOL" vm/direct >/dev/null
virsh start vm
kinds_idle
expect_exactly "16 101 1 17" kinds_counts
virsh destroy vm
[ "$(counter "$POOL/vm/persistent.img")" = 16 ] || die "not what was discarded"
kinds_no_dirty
ok "'virt-reflink discard' gives up what the saved guest wrote, but never a direct volume's only image"

# From here on, the direct volume has counted one more.
run_to_save
virsh save vm "$save"
cp "$save" "$LAB/good"
size=$(stat -c %s "$save")
truncate -s $((size - size / 4)) "$save"
fails_with . virsh restore "$save"
eventually 10 domain_is_off vm
kinds_same_disks
dd if=/dev/urandom of="$save" bs=4096 seek=$((size / 8192)) count=8 conv=notrunc status=none
fails_with . virsh restore "$save"
kinds_same_disks
for kind in persistent snapshot volatile direct; do
    expect_info "vm/$kind" "saved"
    fails_with "vm/$kind & saved" tool stop "$POOL" "vm/$kind"
    fails_with "vm/$kind" virsh vol-delete "vm/$kind" pool
done
fails_with "saved" virsh start vm
kinds_same_disks
ok "a restore that fails leaves the disks of all kinds as they were, and saved"

virsh restore "$LAB/good"
expect "running" virsh domstate vm
kinds_same_disks
virsh destroy vm
kinds_no_dirty
[ "$(counter "$POOL/vm/persistent.img") $(counter "$POOL/vm/direct.img")" = "17 18" ] ||
    die "not what the guest wrote"
ok "and another try with a good copy of the file goes on with them"

# One restore waits in the site's hook, another one comes by it; then the first goes on. Neither is a plain start.
cat >$site <<END
#!/bin/sh
[ "\$2" = restore ] && mkdir "$LAB/first" 2>/dev/null || exit 0
touch "$LAB/restoring"
while [ -e "$LAB/restoring" ]; do sleep 0.1; done
END
chmod +x $site
virsh restore "$LAB/good" 2>"$LAB/said" &
restore=$!
eventually 20 test -e "$LAB/restoring"
fails_with "no dirty image & saved memory" virsh restore "$LAB/good"
rm "$LAB/restoring"
! wait $restore || die "a restore went on with disks of another time"
rm $site
grep -q "no dirty image" "$LAB/said" || die "$(cat "$LAB/said")"
[ ! -e /run/libvirt-reflink/restoring-* ] || die "a note of a restore is left"
kinds_no_dirty
ok "two restores side by side of memory that does not fit any more: both are refused"

# What becomes of the images cannot be marked on them.
run_to_save
virsh save vm "$save"
cat >$site <<END
#!/bin/sh
[ "\$2" = prepare ] && mount -o remount,ro "$dir" && exit 1
exit 0
END
chmod +x $site
fails_with . virsh restore "$save"
rm $site
workers_done
mount -o remount,rw "$dir"
fails_with "saved" virsh start vm
for kind in persistent snapshot volatile direct; do
    expect_info "vm/$kind" "saved"
    fails_with "vm/$kind & saved" tool stop "$POOL" "vm/$kind"
done
kinds_same_disks
virsh restore "$save"
kinds_same_disks
virsh destroy vm
kinds_no_dirty
ok "so it is where that cannot be recorded on the images"

no_temporary
done_testing
