#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A disk whose source is a symbolic link is what the link leads to: an image at rest, which no domain
# may write to, or a volume, which is started and stopped.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64
kinds_make "$dir"
links=$dir/links
mkdir "$links"
virsh vol-clone vm/persistent vm/persistent@label --pool pool

# --- images at rest

# link NAME TARGET: prints the path of a new link outside of the pool.
link()
{
    ln -sfn "$2" "$links/$1"
    echo "$links/$1"
}

# refused_link PATH VOLUME
refused_link()
{
    define_disks "$(disk file "file='$1'")"
    refused "'$1' & '$2' & at rest" "$POOL" \
        virsh start vm
}

for kind in persistent direct template; do
    refused_link "$(link clean "$POOL/vm/$kind.img")" "vm/$kind"
    refused_link "$(link again clean)" "vm/$kind"
    refused_link "$(link relative "../pool/vm/$kind.img")" "vm/$kind"
    link directory "$POOL/vm" >/dev/null
    refused_link "$links/directory/$kind.img" "vm/$kind"
    refused_link "$(link both "directory/$kind.img")" "vm/$kind"
done
refused_link "$(link label "$POOL/vm/persistent.img@label")" vm/persistent
ok "a link to a clean image or a revision is refused, however it leads there"

before=$(listing "$POOL")
define_disks "$(disk file "file='$(link clean "$POOL/vm/direct.img")'" "<readonly/>" cdrom)"
virsh start vm --paused
virsh destroy vm
workers_done
same_listing "$POOL" "$before"
ok "but may be read"

link loop loop >/dev/null
link nowhere "$dir/nowhere" >/dev/null
for name in loop nowhere; do
    define_disks "$(disk file "file='$links/$name'")"
    refused "$name" "$POOL" virsh start vm
done
ok "a link to itself or to nothing is libvirt's to refuse"

# --- volumes

disks=()
for kind in persistent snapshot volatile direct; do
    disks+=("$(disk file "file='$(link "$kind" "../pool/vm/$kind-dirty.img")'")")
done
define_disks "${disks[@]}"
kinds_start_idle
[ "$(find "$POOL/vm" -name '*-dirty.img' | wc -l)" = 4 ] || die "not all were started"
expect_exactly "1 101 1 1" kinds_counts
lab_domain other "$POOL/vm/persistent-dirty.img" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
fails_with "'vm/persistent' & in use & 'vm'" virsh start other
virsh destroy vm
kinds_committed 1
ok "a link to a dirty image starts and stops the volume, of all kinds"

# --- below an external snapshot

kinds_start_idle
overlays=()
for target in hda hdb hdc hdd; do
    overlays+=(--diskspec "$target,file=$LAB/$target.overlay")
done
virsh snapshot-create-as vm first --disk-only --no-metadata "${overlays[@]}"
sync -f "$POOL"
before=$(cd "$POOL/vm" && stat -c '%n %i' ./*-dirty.img)
for _ in 1 2; do
    virsh destroy vm
    workers_done
    [ "$(cd "$POOL/vm" && stat -c '%n %i' ./*-dirty.img)" = "$before" ] ||
        die "an image below an overlay has another name now"
    for kind in persistent snapshot volatile direct; do
        [ "$(note "$POOL/vm/$kind-dirty.img" hold)" = kept ] || die "$kind is not kept"
    done
    virsh start vm
done
virsh destroy vm
ok "and is as safe as another below an external snapshot"

no_temporary
done_testing
