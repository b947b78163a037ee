#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# The life of a reflink pool, from pool-define to pool-undefine.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool

marker=$pool/.reflink-pool.xml

pool_is()
{
    [ "$(virsh pool-info "$1" | awk '$1 == "State:" { print $2 }')" = "$2" ]
}

# --- define, build, start

define_pool qubes "$pool" "<reflink:revisions keep='3'/><reflink:volume match='db/*' kind='direct'/>"
[ ! -e "$pool" ]
expect "<reflink:revisions keep='3'/>" virsh pool-dumpxml qubes
expect "xmlns:reflink='urn:libvirt-reflink:storagepool:1.0'" virsh pool-dumpxml qubes
ok "a defined pool keeps its options, and nothing is made on disk"

fails_with "No such file|not built" virsh pool-start qubes
mkdir "$pool"
fails_with "$pool & not built & not mounted" virsh pool-start qubes
pool_is qubes inactive
rmdir "$pool"
ok "a pool that was not built does not start"

virsh pool-build qubes
[ "$(stat -c %a "$pool")" = 711 ]
grep -q "<reflink:revisions keep='3'/>" "$marker"
virsh pool-start qubes
expect_exactly "" volumes qubes
ok "a built pool has its options in the marker, and starts"

inode=$(stat -c %i "$pool")
virsh pool-destroy qubes
virsh pool-build qubes
[ "$(stat -c %i "$pool")" = "$inode" ]
fails_with "neither formatted nor overwritten" virsh pool-build qubes --overwrite
fails_with "neither formatted nor overwritten" virsh pool-build qubes --no-overwrite
virsh pool-start qubes
ok "to build it once more does no harm"

virsh vol-create-as qubes appvms/foo/private 1M
mv "$pool/appvms/foo" "$pool/appvms/bar"
virsh pool-refresh qubes
expect_exactly appvms/bar/private volumes qubes
capacity=$(virsh pool-info --bytes qubes | awk '$1 == "Capacity:" { print $2 }')
[ "$capacity" = "$(df -B1 --output=size "$pool" | tail -1 | tr -d ' ')" ]
ok "a refresh sees what happened on disk, and how large the file system is"

# --- the daemon's restart

virsh pool-autostart qubes
lab_restart_libvirtd
pool_is qubes running
expect "Autostart:      yes" virsh pool-info qubes
expect "<reflink:volume match='db/*' kind='direct'/>" virsh pool-dumpxml qubes
expect_exactly appvms/bar/private volumes qubes
lab_kill_libvirtd
lab_start_libvirtd
pool_is qubes running
expect_exactly appvms/bar/private volumes qubes
ok "pool, options and volumes are there after the daemon's restart, and after its crash"

# --- changes of the definition

virsh pool-dumpxml qubes | sed "s/keep='3'/keep='7'/" >"$LAB/edited.xml"
virsh pool-define "$LAB/edited.xml"
virsh pool-destroy qubes
grep -q "keep='3'" "$marker"
virsh pool-start qubes
grep -q "keep='7'" "$marker"
expect "keep='7'" virsh pool-dumpxml qubes
ok "changed options are taken over at the next start"

inode=$(stat -c %i "$marker")
virsh pool-destroy qubes
virsh pool-start qubes
[ "$(stat -c %i "$marker")" = "$inode" ]
ok "options that are the same leave the marker alone"

# boot: a daemon that starts with no state of an earlier one.
boot()
{
    lab_stop_libvirtd
    rm -r /run/libvirt/storage
    lab_start_libvirtd
    pool_is qubes running
}

sed "s/keep='7'/keep='9'/" "$LAB/edited.xml" >"$LAB/again.xml"
virsh pool-define "$LAB/again.xml"
grep -q "keep='7'" "$marker"
boot
expect "keep='9'" virsh pool-dumpxml qubes
grep -q "keep='9'" "$marker"
inode=$(stat -c %i "$marker")
boot
[ "$(stat -c %i "$marker")" = "$inode" ]
virsh pool-define "$LAB/edited.xml"
chattr +i "$marker"
boot
grep -q "keep='9'" "$marker"
grep -q "qubes.*options" "$LAB/libvirtd.log"
chattr -i "$marker"
boot
grep -q "keep='7'" "$marker"
ok "so are those that were changed before the machine starts, where they can be written"

virsh pool-destroy qubes
virsh pool-undefine qubes
virsh pool-define-as qubes dir --target "$pool"
virsh pool-start qubes
expect_not reflink:options virsh pool-dumpxml qubes
grep -q "keep='7'" "$marker"
expect_exactly appvms/bar/private volumes qubes
virsh vol-create-as qubes db/main 1M
grep -q "kind='direct'\|<.*kind>direct" "$pool/db/main.volume.xml"
virsh pool-destroy qubes
virsh pool-build qubes
grep -q "keep='7'" "$marker"
virsh pool-start qubes
ok "a definition without the namespace keeps the marker and its rules"

virsh pool-destroy qubes
virsh pool-undefine qubes
define_pool qubes "$pool" "" "<features><cow state='no'/></features>"
fails_with "qubes & cow state='no'" virsh pool-build qubes
fails_with "qubes & cow state='no'" virsh pool-start qubes
virsh pool-undefine qubes
define_pool qubes "$pool" "" "<features><cow state='yes'/></features>"
virsh pool-start qubes
ok "copy-on-write cannot be switched off"

# --- delete

virsh pool-destroy qubes
refused "volumes & appvms/bar/private" "$pool" virsh pool-delete qubes
virsh pool-start qubes
virsh vol-delete appvms/bar/private qubes
virsh vol-delete db/main qubes
virsh pool-destroy qubes
echo "mine" >"$pool/appvms/letter"
refused "not empty & 'appvms/letter'" "$pool" virsh pool-delete qubes
rm "$pool/appvms/letter"
: >"$pool/appvms/foo.img@named"
refused "volumes & 'appvms/foo'" "$pool" virsh pool-delete qubes
rm "$pool/appvms/foo.img@named"
virsh pool-delete qubes
[ ! -e "$pool" ]
virsh pool-undefine qubes
fails_with "no storage pool with matching name" virsh pool-info qubes
ok "a pool is deleted only when there is nothing in it but empty directories"

# --- transient pools

pool_document brief "$dir/brief" >"$LAB/brief.xml"
fails_with "No such file|not built" virsh pool-create "$LAB/brief.xml"
fails_with "no storage pool" virsh pool-info brief
virsh pool-create "$LAB/brief.xml" --build
expect "Persistent:     no" virsh pool-info brief
virsh vol-create-as brief web 1M
virsh pool-destroy brief
fails_with "no storage pool" virsh pool-info brief
virsh pool-create "$LAB/brief.xml"
expect_exactly web volumes brief
virsh pool-destroy brief
ok "a transient pool is built as it is created, and its volumes outlive it"

# --- a file system that is not there

lab_filesystem "$FS" 512M disk >/dev/null
define_pool disk "$LAB/disk"
virsh pool-build disk
virsh pool-start disk
virsh pool-autostart disk
virsh vol-create-as disk web 1M
umount "$LAB/disk"
fails_with "not built & not mounted" virsh pool-refresh disk
pool_is disk inactive
fails_with "not built & not mounted" virsh pool-start disk
lab_restart_libvirtd
pool_is disk inactive
[ -z "$(ls -A "$LAB/disk")" ]
ok "without its file system a pool is neither refreshed nor started, nor taken for active by a daemon"

mount_filesystem "$LAB/disk.img" "$LAB/disk"
virsh pool-start disk
expect_exactly web volumes disk
lab_restart_libvirtd
pool_is disk running
expect_exactly web volumes disk
ok "and it comes back with it"

done_testing
