#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# An external snapshot puts an overlay on the dirty image: half of the domain's disk is in each. As
# long as that is so, nothing is taken away from under the overlay.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"

dirty=$POOL/vm/persistent-dirty.img

base()
{
    (cd "$POOL/vm" && stat -c '%n %i' ./*-dirty.img && cksum ./*-dirty.img)
}

overlays()
{
    virsh domblklist vm | awk '{ print $2 }'
}

# take_snapshot NAME: of all disks, beside the images or where $place says.
take_snapshot()
{
    local kind target=a disks=()

    for kind in persistent snapshot volatile direct; do
        disks+=(--diskspec "hd$target,file=$place/$kind.$1")
        target=$(tr abc bcd <<<"$target")
    done
    virsh snapshot-create-as vm "$1" --disk-only --no-metadata "${disks[@]}"
}

# not_whole VOLUME DOMAIN: no clone of the volume is made, since half of the domain's disk is elsewhere.
not_whole()
{
    local to

    for to in "$1@night" "$1-copy"; do
        refused "'$1' & external snapshot & '$2'" "$POOL" \
            virsh vol-clone "$1" "$to" --pool pool
    done
    refused "'$1'" "$POOL" virsh vol-create-from plain \
        <(volume_document copy 1048576) "$1" --inputpool pool
}

mkdir -p "$LAB/plain"
stock_pool plain "$LAB/plain"
for place in "$POOL/vm" "$LAB/overlays"; do
    mkdir -p "$place"
    count=$(counter "$POOL/vm/persistent.img")
    kinds_start_idle
    take_snapshot first
    expect "$place/direct.first" overlays
    sync -f "$POOL"
    before=$(base)
    virsh destroy vm
    workers_done
    [ "$(base)" = "$before" ] || die "an image below an overlay has changed"
    [ ! -e "$POOL/vm/direct.img" ] || die "an image below an overlay has another name now"
    ok "after a run on overlays in ${place##*/}, the images below them are as they were"

    # Started again, the guest finds what it wrote before and after the snapshot.
    virsh start vm
    kinds_idle
    expect_exactly "$((count + 2)) 102 2 $((count + 2))" kinds_counts
    virsh destroy vm
    workers_done
    [ "$(base)" = "$before" ] || die "an image below an overlay has changed"
    virsh start vm
    kinds_idle
    expect_exactly "$((count + 3)) 103 3 $((count + 3))" kinds_counts
    ok "the next starts find them, and go on with the disks of all kinds"

    for target in hda hdb hdc hdd; do
        virsh blockcommit vm $target --active --pivot --wait >/dev/null
    done
    expect "$dirty" overlays
    virsh destroy vm
    kinds_committed $((count + 3))
    guest_wish "$POOL/vm/persistent.img" -
    guest_run vm
    expect_exactly "$((count + 4)) 101 1 $((count + 4))" kinds_counts
    kinds_committed $((count + 4))
    rm -f "$place"/*.first
    ok "merged into them again, they are committed at the end of the run, or begin anew"
done

# While the domain runs on the overlay, its device model has the image below open to read only, and may
# have it so for days.
place=$LAB/overlays
kinds_start_idle
virsh vol-clone vm/persistent vm/persistent@label --pool pool
take_snapshot first
sync -f "$POOL"
before=$(base)
not_whole vm/persistent vm
for kind in persistent snapshot volatile direct; do
    age_run "$POOL/vm/$kind-dirty.img"
    lab_domain other "$POOL/vm/$kind-dirty.img" >"$LAB/other.xml"
    virsh define "$LAB/other.xml"
    refused "'vm/$kind' & in use & 'vm'" "$POOL" virsh start other
    refused "'vm/$kind' & running & 'vm'" "$POOL" \
        virsh vol-delete "vm/$kind" --pool pool
    for command in stop continue discard; do
        refused "running|open" "$POOL" \
            "$STAGE_DIR/bin/virt-reflink" $command "$POOL" "vm/$kind"
    done
    refused "in use & 'vm'" "$POOL" "$STAGE_DIR/bin/virt-reflink" start "$POOL" "vm/$kind"
    virsh undefine other
done
refused "'vm/persistent' & running & 'vm'" "$POOL" \
    virsh vol-clone vm/persistent@label vm/persistent@current --pool pool
refused "running & 'vm'" "$POOL" \
    virsh vol-upload vm/persistent "$BOOT_IMAGE" --pool pool
virsh vol-delete vm/persistent@label --pool pool
[ "$(base)" = "$before" ] || die "an image below an overlay has changed"
for target in hda hdb hdc hdd; do
    virsh blockcommit vm $target --active --pivot --wait >/dev/null
done
virsh destroy vm
workers_done
kinds_no_dirty
rm -f "$place"/*.first
ok "while it runs on the overlay, the image below it is nobody else's to use, end or replace"

# A host that goes down while the domain runs on two layers of overlays.
count=$(counter "$POOL/vm/persistent.img")
kinds_start_idle
take_snapshot first
take_snapshot second
sync "$place"/*
host_loses_power
before=$(base)
virsh start vm
kinds_idle
expect_exactly "$((count + 2)) 102 2 $((count + 2))" kinds_counts
[ "$(base)" = "$before" ] || die "an image below an overlay has changed"
virsh destroy vm
ok "two layers, and a host that lost power: the next start goes on with the disks of all kinds"

virsh define <(lab_domain other "$dirty")
fails_with "external snapshot & 'vm'" virsh start other
virsh undefine other
[ "$(base)" = "$before" ] || die "an image below an overlay has changed"
ok "another domain does not get an image that is below an overlay"

mv "$dirty" "$POOL/away"
fails_with "no dirty image & overlay" virsh start vm
mv "$POOL/away" "$dirty"
workers_done
[ "$(base)" = "$before" ] || die "an image below an overlay has changed"
ok "a start on an overlay whose image is missing is refused, and makes none"

# A snapshot of a domain that is off: there has to be an image, so it is started by hand. libvirt
# writes down no layer below the overlay, and finds it at each start.
# define_off NAME UUID: a domain with one volume, that is its name.
define_off()
{
    virsh vol-create-as pool "off/$1" 1M
    write_image "$POOL/off/$1.img" <"$BOOT_IMAGE"
    guest_wish "$POOL/off/$1.img" P
    lab_domain "$1" "$POOL/off/$1-dirty.img" "<uuid>$2</uuid>" >"$LAB/$1.xml"
    virsh define "$LAB/$1.xml"
    lab_domain "other-$1" "$POOL/off/$1-dirty.img" >"$LAB/other.xml"
    virsh define "$LAB/other.xml"
}

# nobody_else NAME
nobody_else()
{
    refused "'off/$1' & external snapshot & '$1'" "$POOL" \
        tool stop "$POOL" "off/$1"
    refused "'off/$1' & external snapshot" "$POOL" tool discard "$POOL" "off/$1"
    refused "'off/$1' & external snapshot" "$POOL" virsh vol-delete "off/$1" --pool pool
    refused "external snapshot & '$1'" "$POOL" virsh start "other-$1"
    not_whole "off/$1" "$1"
    expect_info "off/$1" "overlaid"
}

# goes_on NAME COUNT: the domain starts and counts that.
goes_on()
{
    virsh start "$1"
    kinds_idle "$1" 1
    expect_exactly "$2" kinds_counts "$1"
}

define_off one 00000000-0000-4000-8000-000000000011
fails_with "regular" virsh snapshot-create-as one night --disk-only
tool start "$POOL" off/one >/dev/null
virsh snapshot-create-as one night --disk-only --no-metadata
expect "off/one-dirty.night" virsh domblklist one
refused "virt-reflink start" "$POOL" virsh start other-one
age_run "$POOL/off/one-dirty.img"
nobody_else one
goes_on one 1
virsh destroy one
workers_done
[ "$(note "$POOL/off/one-dirty.img" below)" = "qemu 00000000-0000-4000-8000-000000000011 one" ] ||
    die "not noted"
nobody_else one
goes_on one 2
virsh managedsave one
workers_done
expect_info off/one "saved"
virsh start one
expect_info off/one "domain           one (qemu"
virsh destroy one
goes_on one 3
sync -f "$LAB"
host_loses_power
nobody_else one
goes_on one 4
virsh blockcommit one hda --active --pivot --wait >/dev/null
virsh vol-clone off/one off/one@merged --pool pool
sync -f "$POOL"
[ "$(counter "$POOL/off/one.img@merged")" = 4 ] || die "not all of it"
virsh destroy one
workers_done
[ "$(counter "$POOL/off/one.img")" = 4 ] || die "not merged"
ok "a snapshot of a domain that was off: the image below it is that domain's at each start, end and save"

define_off two 00000000-0000-4000-8000-000000000012
tool start "$POOL" off/two >/dev/null
virsh snapshot-create-as two night --disk-only --diskspec "hda,file=$LAB/elsewhere"
virsh snapshot-create-as two day --disk-only --diskspec "hda,file=$LAB/elsewhere2"
age_run "$POOL/off/two-dirty.img"
nobody_else two
goes_on two 1
virsh destroy two
workers_done
nobody_else two
ok "so it is where the overlay lies elsewhere, and a snapshot of libvirt's says what is below"

# A disk that is a volume by name can get an overlay while it runs only. The host is lost before a hook
# is called with it.
define_off seven 00000000-0000-4000-8000-000000000017
sed "s|<disk type='file'|<disk type='volume'|; s|<source file='.*seven-dirty.img'|<source pool='pool' volume='off/seven'|" \
    "$LAB/seven.xml" >"$LAB/named.xml"
virsh define "$LAB/named.xml"
virsh start seven
kinds_idle seven 1
virsh snapshot-create-as seven night --disk-only --diskspec "hda,file=$LAB/elsewhere7"
sync -f "$LAB"
sync -f "$POOL"
host_loses_power
refused "external snapshot & 'seven'" "$POOL" virsh start other-seven
not_whole off/seven seven
ok "and where the disk was a volume by name"

# The snapshot's memory is older than the overlay, and has what is below it as its disk.
define_off eight 00000000-0000-4000-8000-000000000018
goes_on eight 1
virsh snapshot-create-as eight night --memspec "file=$LAB/eight.memory" \
    --diskspec "hda,file=$LAB/elsewhere8"
virsh destroy eight
workers_done
nobody_else eight
words="external snapshot & 'eight' & start"
! emulators_write_saves || words="save file & 'eight'"
refused "$words" "$POOL" virsh restore "$LAB/eight.memory"
nobody_else eight
goes_on eight 2
virsh destroy eight
workers_done
ok "nor does the domain itself, restored from a memory of before, write below its overlay"

# The host goes down before a hook is called with the overlay.
define_off nine 00000000-0000-4000-8000-000000000019
goes_on nine 1
virsh snapshot-create-as nine night --disk-only --diskspec "hda,file=$LAB/elsewhere9"
before=$(stat -c %i "$POOL/off/nine-dirty.img")
sync -f "$LAB"
sync -f "$POOL"
host_loses_power
# An older definition has the image itself as its disk, and no hook has noted the overlay.
refused "external snapshot & 'nine'" "$POOL" virsh create "$LAB/nine.xml"
[ "$(stat -c %i "$POOL/off/nine-dirty.img")" = "$before" ] || die "another image"
goes_on nine 2
virsh destroy nine
workers_done
ok "nor does it run there by an older definition, after a crash of the host"

# An overlay in the pool whose name is that of a clean image, as libvirt makes it of a snapshot's that
# ends in ".img".
# no_volume NAME: nothing is done with it.
no_volume()
{
    refused "$1'|open for writing" "$POOL" virsh vol-delete "$1" --pool pool
    refused "$1'|open for writing" "$POOL" virsh vol-clone "$1" off/copy --pool pool
    refused "$1'|open for writing" "$POOL" tool start "$POOL" "$1"
    refused "$1'|open for writing" "$POOL" virsh vol-upload "$1" "$BOOT_IMAGE" --pool pool
    refused "$1'|open for writing" "$POOL" virsh vol-resize "$1" 2M --pool pool
}

define_off three 00000000-0000-4000-8000-000000000013
goes_on three 1
virsh snapshot-create-as three s1.img --disk-only --no-metadata
virsh snapshot-create-as three s2 --disk-only --no-metadata --diskspec "hda,file=$POOL/off/night.img"
virsh pool-refresh pool
no_volume off/night
virsh destroy three
workers_done
for volume in off/night off/three-dirty.s1; do
    no_volume $volume
done
goes_on three 2
no_volume off/night
virsh blockcommit three hda --active --pivot --wait >/dev/null
rm "$POOL/off/night.img" "$POOL/off/three-dirty.s1.img"
virsh destroy three
workers_done
[ "$(counter "$POOL/off/three.img")" = 2 ] || die "not merged"
ok "an overlay that is called like a clean image is none, and the domain starts on it again"

sed "s,type='raw'/>,type='qcow2'/>,; s,\(<source file='\)[^']*'/>,\1$POOL/off/three.img'/><backingStore type='file'>\
    <format type='raw'/><source file='$POOL/off/three-dirty.img'/></backingStore>," \
    "$LAB/other.xml" >"$LAB/forged.xml"
virsh undefine other-three
virsh define "$LAB/forged.xml"
refused "at rest" "$POOL" virsh start other-three
ok "a volume's clean image is no overlay, whatever the domain says"

# The definition names the overlays still; the running domain has neither them nor the images below.
create_snapshot pool unplugged/snapshot "$POOL/vm/template.img"
virsh vol-create-as pool unplugged/data 1M
lab_domain unplugged "" | sed "s|<boot dev='hd'/>||" >"$LAB/unplugged.xml"
disks=""
for volume in snapshot:sda data:sdb; do
    disks+="<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
    disks+="<source file='$POOL/unplugged/${volume%:*}-dirty.img'/><target dev='${volume#*:}' bus='scsi'/></disk>"
done
sed -i "s|<devices>|<devices>$disks|" "$LAB/unplugged.xml"
virsh define "$LAB/unplugged.xml"
virsh start unplugged
virsh snapshot-create-as unplugged first --disk-only --diskspec "sda,file=$LAB/unplugged.a" \
    --diskspec "sdb,file=$LAB/unplugged.b"
virsh detach-disk unplugged sda --live
virsh detach-disk unplugged sdb --live
virsh destroy unplugged
workers_done
for volume in snapshot data; do
    [ -e "$POOL/unplugged/$volume-dirty.img" ] || die "$volume is not below its overlay any more"
    expect_revisions "unplugged/$volume" ""
done
virsh start unplugged
virsh destroy unplugged
workers_done
ok "an overlay that was unplugged from the running domain keeps its base"

no_temporary
done_testing
