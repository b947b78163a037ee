#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# vol-clone and vol-create-from: within the pool, from and to other pools. How one that is under way is
# seen and interrupted: clone-meanwhile.sh. Revisions and reverts: revisions.sh.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states other=xfs -- filefrag losetup

reflink_pool qubes "$dir/qubes" "<reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='db/*' kind='direct'/>$fallback"
reflink_pool far "$other/far"
stock_pool plain "$dir/plain"
data=$LAB/data new=$LAB/new
random_file "$data" 16M
truncate -s 64M "$data"
fallocate --punch-hole --offset 4M --length 4M "$data"
random_file "$new" 16M
virsh vol-create-as qubes web 64M
virsh vol-upload web "$data" --pool qubes --sparse

# sparse_as_data FILE: it takes hardly more space than the original does.
sparse_as_data()
{
    [ "$(stat -c %b "$1")" -le $(($(stat -c %b "$data") + 64)) ] || die "$1 has lost its holes"
}

# clone_from POOL VOLUME TARGET-POOL NAME [CAPACITY] [OPTION...]
clone_from()
{
    volume_document "$4" "${5:-1}" "<allocation>0</allocation>" >"$LAB/volume.xml"
    virsh vol-create-from "$3" "$LAB/volume.xml" "$2" --inputpool "$1" "${@:6}"
}

# --- within the pool

available=$(free_bytes "$dir")
virsh vol-clone web a/b/copy --pool qubes
holds a/b/copy "$data"
sparse_as_data "$(image a/b/copy)"
if [ "$FS" = ext4 ]; then
    refused "reflink" "$pool" virsh vol-clone web other --pool qubes --reflink
else
    [ $((available - $(free_bytes "$dir"))) -lt 4194304 ]
    expect shared filefrag -v "$(image a/b/copy)"
    virsh vol-clone web other --pool qubes --reflink
    holds other "$data"
fi
expect_not backingStore virsh vol-dumpxml a/b/copy qubes
ok "a clone within the pool shares the blocks"

clone_from qubes web qubes large 134217728
[ "$(stat -c %s "$(image large)")" = 134217728 ]
holds large "$data" 67108864
clone_from qubes web qubes small 4096
holds small "$data"
fails_with "metadata" clone_from qubes web qubes new 1 --prealloc-metadata
expect_not new volumes qubes
virsh vol-dumpxml web qubes | sed 's/>web</>described</' >"$LAB/volume.xml"
virsh vol-create-from qubes "$LAB/volume.xml" web --inputpool qubes
holds described "$data"
ok "it is at least as large as its source, and larger where that is asked for"

# virsh puts what the source has into the new one's XML, <backingStore> included.
start_volume web
dd if="$new" of="$(image web -dirty.img)" conv=notrunc,fsync status=none
expect "<backingStore>" virsh vol-dumpxml web qubes
virsh vol-clone web while-running --pool qubes
[ ! -e "$(image while-running .volume.xml)" ]
holds while-running "$data"
expect_not backingStore virsh vol-dumpxml while-running qubes
clone_from qubes web plain out
cmp "$dir/plain/out" "$data"
clone_from qubes web far far-running
cmp "$other/far/volumes/far-running.img" "$data"
discard_volume web
ok "a clone of a running volume is its last committed state, and a volume of its own"

virsh vol-clone web vm/volatile --pool qubes
[ ! -e "$(image vm/volatile .volume.xml)" ]
holds vm/volatile "$data"
ok "what is cloned is persistent, whatever the rules say"

virsh vol-create-as qubes db/main 64M
virsh vol-clone db/main copy --pool qubes
[ ! -e "$(image copy .volume.xml)" ]
start_volume db/main
fails_with "running" virsh vol-clone db/main new --pool qubes
stop_volume db/main
expect_not new volumes qubes
ok "a running direct volume has no state to clone"

# --- from and to other pools

cp --sparse=always "$data" "$dir/plain/raw"
virsh pool-refresh plain
clone_from plain raw qubes from/plain
holds from/plain "$data"
sparse_as_data "$(image from/plain)"
clone_from qubes from/plain plain to-plain
cmp "$dir/plain/to-plain" "$data"
sparse_as_data "$dir/plain/to-plain"
ok "volumes come from a plain pool and go to one, without their holes"

# A directory may hold a block device: pools of type disk and logical need more than there is here.
device=$(losetup --find --show --read-only "$data")
cleanup_fn losetup --detach "$device"
cp -a "$device" "$dir/plain/device"
virsh pool-refresh plain
[ -b "$(virsh vol-path device plain)" ]
clone_from plain device qubes from/device
holds from/device "$data"
sparse_as_data "$(image from/device)"
virsh vol-create-as qubes imported 1M
clone_from plain device qubes imported@current
holds imported "$data"
rm "$dir/plain/device"
ok "a block device is copied, without its zeros"

clone_from qubes web far there
cmp "$other/far/volumes/there.img" "$data"
sparse_as_data "$other/far/volumes/there.img"
clone_from far there qubes back
holds back "$data"
sparse_as_data "$(image back)"
fails_with "reflink" clone_from qubes web far other 1 --reflink
[ ! -e "$other/far/volumes/other.img" ]
ok "and between reflink pools on two file systems, where --reflink is refused"

virsh vol-clone web web@named --pool qubes
virsh vol-upload web "$new" --pool qubes
virsh vol-info web qubes >/dev/null # lists what there is now
clone_from qubes web@named plain revision
cmp "$dir/plain/revision" "$data"
clone_from qubes web@2 far revision
cmp "$other/far/volumes/revision.img" "$data"
clone_from qubes web@2 qubes from/revision
holds from/revision "$data"
ok "revisions are sources like volumes"

if command -v qemu-img >/dev/null; then
    qemu-img create -q -f qcow2 "$dir/plain/disk.qcow2" 16M
    virsh pool-refresh plain
    fails_with "'disk.qcow2' & 'qcow2'" clone_from plain disk.qcow2 qubes new
    clone_from qubes web plain raw.qcow2 1
fi
mkdir "$dir/plain/directory"
virsh pool-refresh plain
fails_with "'directory'|'dir'" clone_from plain directory qubes new
expect_not new volumes qubes
nothing_left web
ok "what is not raw is not taken in"

# Another type's backend is libvirt's own, and opens what the path leads to.
truncate -s 400M "$LAB/device"
mkfs.xfs -q "$LAB/device"
mkdir "$LAB/fs-target"
loop=$(losetup --find --show "$LAB/device")
cleanup_fn losetup --detach "$loop"
virsh pool-define-as other fs --source-dev "$loop" --source-format xfs --target "$LAB/fs-target"
virsh pool-start other
cleanup_fn virsh pool-destroy other
virsh vol-create-as qubes mine 64M
virsh vol-upload mine "$data" --pool qubes --sparse
virsh vol-clone mine mine@named --pool qubes
clone_from qubes mine other stopped 1
cmp "$LAB/fs-target/stopped" "$data"
start_volume mine
dd if="$new" of="$(virsh vol-path mine qubes)" bs=1M count=16 conv=notrunc status=none
clone_from qubes mine other running 1
cmp "$LAB/fs-target/running" "$data"
if command -v qemu-img >/dev/null; then
    volume_document running.qcow2 1 "<target><format type='qcow2'/></target>" >"$LAB/volume.xml"
    virsh vol-create-from other "$LAB/volume.xml" mine --inputpool qubes
    qemu-img compare -q -f raw -F qcow2 "$data" "$LAB/fs-target/running.qcow2"
fi
clone_from other running qubes from/other
holds from/other "$data"
clone_from qubes mine@named other revision 1
cmp "$LAB/fs-target/revision" "$data"
discard_volume mine
virsh vol-info stopped other >/dev/null
virsh pool-refresh other
ok "into a pool of another type goes the last committed state, too, and back"

done_testing
