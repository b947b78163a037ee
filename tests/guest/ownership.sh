#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A dirty image is its domain's: whose, and until when?
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64 getfattr setfattr
kinds_make "$dir"

# define_other 'IMAGE...': the domain "other" with these disks.
define_other()
{
    lab_domain other "$1" "<uuid>00000000-0000-4000-8000-000000000002</uuid>" >"$LAB/other.xml"
    virsh define "$LAB/other.xml"
}

dirty_images()
{
    (cd "$POOL/vm" && stat -c '%n %i' ./*-dirty.img)
}

kinds_start_idle
before=$(dirty_images)
for kind in persistent snapshot volatile direct; do
    define_other "$POOL/vm/$kind-dirty.img"
    fails_with "'vm/$kind' & in use & 'vm' & qemu & 00000000-0000-4000-8000-000000000001" \
        virsh start other
done
# The first in order is free, and is put back when the one that is not is met.
virsh vol-create-as pool aa/free 1M
define_other "$POOL/vm/direct-dirty.img $POOL/aa/free-dirty.img"
fails_with "in use & 'vm'" virsh start other
workers_done
[ ! -e "$POOL/aa/free-dirty.img" ] || die "one disk was started, though the domain was not"
[ "$(dirty_images)" = "$before" ] || die "the running domain's images have changed"
ok "a second domain on a volume of any kind is refused; the message names the first"

for volume in vm/persistent vm/snapshot vm/volatile vm/direct; do
    fails_with "running & 'vm'" virsh vol-delete $volume --pool pool
done
virsh vol-clone vm/persistent vm/persistent@other --pool pool
fails_with "running & 'vm'" virsh vol-clone vm/persistent@other vm/persistent@current --pool pool
virsh vol-delete vm/persistent@other --pool pool
virsh vol-resize vm/persistent 2M --pool pool
expect "2.00 MiB" virsh vol-info vm/persistent --pool pool
[ "$(dirty_images)" = "$before" ] || die "the running domain's images have changed"
virsh destroy vm
kinds_committed 1
[ "$(stat -c %s "$POOL/vm/persistent.img")" = 2097152 ] || die "the new size was not committed"
ok "deleting and reverting a running volume is refused; growing it is not, and lasts"

define_other "$POOL/aa/free-dirty.img"
write_image "$POOL/aa/free.img" <"$BOOT_IMAGE"
guest_wish "$POOL/aa/free.img" P
virsh start other
kinds_idle other 1
kinds_start_idle
virsh destroy vm
kinds_committed 2
expect_info aa/free "running"
virsh start vm
virsh destroy other
expect_info aa/free "stopped"
expect_info vm/volatile "running"
kinds_idle
virsh destroy vm
kinds_committed 3
ok "the end of a domain touches its own volumes only"

# lose_domain: "vm" dies, and nobody is left who would say so.
lose_domain()
{
    local pid

    kinds_start_idle
    pid=$(cat /run/libvirt/qemu/vm.pid)
    lab_kill_libvirtd
    kill -KILL "$pid"
    rm /run/libvirt/qemu/vm.*
    lab_start_libvirtd
    expect "shut off" virsh domstate vm
}

lose_domain
define_other "$POOL/vm/persistent-dirty.img"
fails_with "in use & 'vm'" virsh start other
age_run "$POOL/vm/persistent-dirty.img"
virsh start other
kinds_idle other 1
expect_exactly 5 kinds_counts other
expect_info vm/persistent "other"
fails_with "in use & 'other'" virsh start vm
virsh destroy other
virsh start vm
kinds_idle
expect_exactly "6 101 1 5" kinds_counts
virsh destroy vm
ok "a run that nobody ended is another domain's five minutes later, with all that was written"

lose_domain
virsh start vm
kinds_idle
expect_exactly "8 101 1 7" kinds_counts
virsh destroy vm
ok "its own domain need not wait"

kinds_start_idle
host_loses_power
virsh start other
kinds_idle other 1
expect_exactly 10 kinds_counts other
virsh destroy other
ok "after a reboot of the host nobody has to"
virsh start vm
kinds_idle
virsh destroy vm

# As newer libvirts do with the parent of the directory "channel".
count=$(counter "$POOL/vm/persistent.img")
chown 64055:64055 /run/libvirt/qemu
virsh start vm
kinds_idle
virsh destroy vm
[ "$(counter "$POOL/vm/persistent.img")" = $((count + 1)) ] || die "a run is not committed"
chmod g+w /run/libvirt/qemu
virsh start vm
kinds_idle
virsh destroy vm
expect_info vm/persistent "leftover"
chmod g-w /run/libvirt/qemu
chown 0:0 /run/libvirt/qemu
virsh start vm
kinds_idle
virsh destroy vm
[ "$(counter "$POOL/vm/persistent.img")" = $((count + 3)) ] || die "what was kept is lost"
ok "the device models' user may own the directory of libvirt's status files, nobody else may write to it"

# Another hook, after ours, says no.
cat >/etc/libvirt/hooks/qemu.d/60-other <<'END'
#!/bin/sh
[ "$2" != prepare ] || { echo "not today" >&2; exit 1; }
END
chmod +x /etc/libvirt/hooks/qemu.d/60-other
count=$(counter "$POOL/vm/persistent.img")
kinds_wish P
sleep 2.1 # so that it can be told that nothing is written
workers_done
revisions=$(revisions vm/persistent)
fails_with "not today" virsh start vm
rm /etc/libvirt/hooks/qemu.d/60-other
expect_revisions vm/persistent "$revisions"
kinds_no_dirty
virsh start vm
kinds_idle
virsh destroy vm
[ "$(counter "$POOL/vm/persistent.img")" = $((count + 1)) ] || die "not what the guest wrote"
ok "a prepare that a later hook made fail leaves nothing, and the next start works"

# libxl: no release follows such a prepare.
sed "s/type='qemu'/type='xen'/" "$LAB/vm.xml" >"$LAB/xen.xml"
sed "s/0001</0003</; s/<name>vm/<name>third/" "$LAB/xen.xml" >"$LAB/third.xml"
hook vm prepare begin <"$LAB/xen.xml"
before=$(dirty_images | grep -e persistent -e direct)
hook vm prepare begin <"$LAB/xen.xml"
[ "$(dirty_images | grep -e persistent -e direct)" = "$before" ] || die "other images"
refused "in use & 'vm' & libxl" "$POOL" hook third prepare begin <"$LAB/third.xml"
exec 5<>"$POOL/vm/persistent-dirty.img"
fails_with "in use & 'vm'" hook vm prepare begin <"$LAB/xen.xml"
ok "a second prepare of the same domain takes its images over, unless somebody has one open"

hook vm release end <"$LAB/xen.xml"
[ -e "$POOL/vm/persistent-dirty.img" ] || die "an image was taken from whoever has it open"
[ ! -e "$POOL/vm/direct-dirty.img" ] || die "the other disks were not stopped"
[ -e "$POOL/vm/direct.img" ] || die "the other disks were not stopped"
exec 5>&-
workers_done
kinds_no_dirty
ok "what is open still at the end of a domain is committed when it is closed"

no_temporary
done_testing
