#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Starts that are refused, or fail: the reason reaches the user, and nothing has come of them.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest -- qemu-system-x86_64

guest_pool "$pool" "<reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='*/direct' kind='direct'/>"
boot_volume vm/root
for name in private volatile direct; do
    virsh vol-create-as qubes "vm/$name" 1M
done
virsh vol-clone vm/root vm/root@label --pool qubes
private=$(virsh vol-path vm/private qubes)
all=$(volumes qubes)
sleep 2 # younger images count as written: their dates would prove nothing

# The inode of the direct volume's image is left out: what one domain was to have another one gets no
# more, but a reflink of it.
eval "$(declare -f listing | sed '1s/.*/listing_with_all()/')"
listing()
{
    listing_with_all "$1" | sed -E 's|^(vm/direct(-dirty)?.img f) [0-9]+|\1|'
}

# nothing_came_of_it: no dirty image, no revision, no change.
nothing_came_of_it()
{
    eventually 10 no_worker
    same_listing "$pool" "$before"
    virsh pool-refresh qubes
    expect_exactly "$all" volumes qubes
}

no_worker()
{
    ! pgrep -x '50-reflink|libvirt-reflink'
}

define_anew()
{
    ! virsh dominfo "$1" >/dev/null 2>&1 || virsh undefine "$1"
    virsh define "$LAB/$1.xml"
}

# define_disk NAME FILE [FLAGS]: a domain on the volumes of vm and on this file as its last disk.
define_disk()
{
    {
        lab_domain "$1" "$(virsh vol-path vm/root qubes) $private" | sed '/<controller/,$d'
        echo "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$2'/>" \
            "<target dev='vda' bus='virtio'/>${3:-}</disk>"
        lab_domain "$1" "" | sed -n '/<controller/,$p'
    } >"$LAB/$1.xml"
    define_anew "$1"
}

before=$(listing "$pool")

# --- all or none

guest_domain incomplete vm/private vm/direct vm/volatile vm/root
sed -i 's|vm/root-dirty|vm/zzz-dirty|' "$LAB/incomplete.xml"
define_anew incomplete
fails_with "'vm/zzz' & '$pool'" virsh start incomplete
nothing_came_of_it
sed -i 's|vm/zzz-dirty|aaa/aaa-dirty|' "$LAB/incomplete.xml"
define_anew incomplete
fails_with "'aaa/aaa' & '$pool'" virsh start incomplete
nothing_came_of_it
ok "a volume that is missing stops all of them"

create_snapshot qubes vm/snapshot "$pool/vm/root.img"
virsh vol-clone vm/root vm/template --pool qubes
create_snapshot qubes vm/orphan "$pool/vm/template.img"
tool delete -q --with-users qubes vm/template
guest_domain orphaned vm/direct vm/orphan vm/snapshot vm/private
before=$(listing "$pool")
all=$(volumes qubes)
fails_with "vm/orphan & vm/template" virsh start orphaned
nothing_came_of_it
ok "so does a snapshot whose source was deleted"

# --- who has it

guest_domain first vm/root vm/private vm/direct
guest_domain second vm/snapshot vm/direct
virsh start first --paused
running=$(listing "$pool")
fails_with "'vm/direct' & in use & 'first'" virsh start second
same_listing "$pool" "$running"
guest_domain third vm/private
fails_with "'vm/private' & in use & 'first'" virsh start third
same_listing "$pool" "$running"
lab_restart_libvirtd
fails_with "'vm/private' & in use & 'first'" virsh start third
virsh destroy first
nothing_came_of_it
ok "a volume that another domain runs on is refused, and that domain is named"

exec 9<"$pool/vm/private.img"
virsh start third --paused
virsh destroy third
exec 9<&-
nothing_came_of_it
exec 9<>"$pool/vm/private.img"
fails_with "'private.img' & open" virsh start third
exec 9>&-
nothing_came_of_it
ok "somebody who reads the clean image is in nobody's way, who writes to it is"

# --- images at rest

for image in private.img root.img@label private-precache.img; do
    : >>"$pool/vm/private-precache.img"
    define_disk writer "$pool/vm/$image"
    fails_with "vda & vm/$image' & at rest & readonly" \
        virsh start writer
    define_disk writer "$pool/vm/../vm/$image"
    fails_with "at rest" virsh start writer
done
rm "$pool/vm/private-precache.img"
ln -s "$pool" "$dir/elsewhere"
define_disk writer "$dir/elsewhere/vm/direct.img"
fails_with "'vm/direct' & at rest" virsh start writer
nothing_came_of_it
ok "no domain gets an image at rest to write to, whatever path it is named by"

define_disk reader "$pool/vm/direct.img" "<readonly/>"
virsh start reader --paused
virsh destroy reader
define_disk reader "$pool/vm/root.img@label" "<readonly/>"
virsh start reader --paused
virsh destroy reader
nothing_came_of_it
ok "but may read it"

# --- starts that fail elsewhere

define_disk unlucky "$dir/no-such-file"
fails_with "no-such-file" virsh start unlucky
nothing_came_of_it
lab_domain broken "$private" "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    <qemu:arg value='-no-such-option'/></qemu:commandline>" >"$LAB/broken.xml"
virsh define "$LAB/broken.xml"
# libvirt says why the emulator is gone, or that it cannot reach it.
fails_with "no-such-option|monitor" virsh start broken
nothing_came_of_it
printf '#!/bin/sh\n[ "$2" != prepare ] || { echo "not today" >&2; exit 1; }\n' \
    >/etc/libvirt/hooks/qemu.d/90-moody
chmod +x /etc/libvirt/hooks/qemu.d/90-moody
fails_with "not today" virsh start third
rm /etc/libvirt/hooks/qemu.d/90-moody
nothing_came_of_it
ok "a start that fails for another reason leaves no revision"

# --- what is no disk of ours

define_disk elsewhere "$LAB/plain/boot"
virsh start elsewhere --paused
virsh destroy elsewhere
touch "$pool/vm/notes" "$pool/vm/odd~name.img"
define_disk odd "$pool/vm/odd~name.img"
virsh start odd --paused
virsh destroy odd
rm "$pool/vm/notes" "$pool/vm/odd~name.img"
ok "files that are no images of ours are left to libvirt"

done_testing
