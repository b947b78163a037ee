#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Two disks are detached from one running domain and attached to another one, of which libvirt tells no
# hook. From then on they are the second one's, whichever ends first.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
create_snapshot pool snap "$POOL/vm/template.img"
virsh vol-create-as pool data 1M
snap=$(virsh vol-path snap pool)
data=$(virsh vol-path data pool)

scsi_disk()
{
    echo "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$1'/>" \
        "<target dev='$2' bus='scsi'/></disk>"
}

# domain NAME XML: with that in its devices, and no other disk.
domain()
{
    lab_domain "$1" "" | sed -e "s|<devices>|<devices>$2|" -e "s|<boot dev='hd'/>||" >"$LAB/$1.xml"
    virsh define "$LAB/$1.xml"
}

domain a "$(scsi_disk "$snap" sda) $(scsi_disk "$data" sdb)"
domain b "<controller type='scsi' index='0'/>"

# moved: both run, and the disks are b's, which has written to them.
moved()
{
    virsh start a
    virsh start b
    virsh detach-disk a sda --live
    virsh detach-disk a sdb --live
    virsh attach-disk b "$snap" sda --live --targetbus scsi --subdriver raw
    virsh attach-disk b "$data" sdb --live --targetbus scsi --subdriver raw
    printf '%s' "$1" | write_image "$snap"
    printf '%s' "$1" | write_image "$data"
}

# has FILE TEXT: it begins so.
has()
{
    expect_exactly "$2" head -c ${#2} "$1"
}

info_is()
{
    expect "$2" "$STAGE_DIR/bin/virt-reflink" info "$POOL" "$1"
}

end()
{
    virsh destroy "$1"
    workers_done
}

moved first
end a
info_is snap running
info_is data running
has "$data" first
end b
[ ! -e "$snap" ] || die "a snapshot volume's image is left"
[ ! -e "$data" ] || die "the persistent volume's image is left"
has "$POOL/volumes/data.img" first
ok "the first one ends: they run on, and end with the second one"

moved second
virsh managedsave b
workers_done
info_is snap saved
info_is data saved
end a
has "$snap" second
has "$data" second
virsh start b
info_is data running
end b
has "$POOL/volumes/data.img" second
ok "the second one is saved, the first one ends: it finds them when it is restored"

moved third
virsh snapshot-create-as b one --disk-only --diskspec "sda,file=$LAB/one-a" --diskspec "sdb,file=$LAB/one-b"
end a
fails_with "domain 'b'" virsh start a
has "$snap" third
has "$data" third
end b
info_is snap overlaid
info_is data overlaid
ok "below an external snapshot of the second one they stay, and the first one does not start on them"

# An overlay that is unplugged while its domain runs is in that one's definition. Another domain, or the
# same one, is given the images below to read them only, and ends.
create_snapshot pool snap2 "$POOL/vm/template.img"
virsh vol-create-as pool data2 1M
snap=$(virsh vol-path snap2 pool)
data=$(virsh vol-path data2 pool)
domain c "$(scsi_disk "$snap" sda) $(scsi_disk "$data" sdb)"
domain d "<controller type='scsi' index='0'/>"
for reader in d c; do
    virsh start c
    virsh start d
    printf fourth | write_image "$snap"
    printf fourth | write_image "$data"
    virsh snapshot-create-as c "for-$reader" --disk-only \
        --diskspec "sda,file=$LAB/$reader-a" --diskspec "sdb,file=$LAB/$reader-b"
    virsh detach-disk c sda --live
    virsh detach-disk c sdb --live
    virsh attach-disk $reader "$snap" sdc --live --targetbus scsi --subdriver raw --mode readonly
    virsh attach-disk $reader "$data" sdd --live --targetbus scsi --subdriver raw --mode readonly
    virsh destroy c
    end d
    has "$snap" fourth
    has "$data" fourth
    virsh start c # on its overlays
    for target in sda sdb; do
        virsh blockcommit c $target --active --pivot --wait >/dev/null
    done
    virsh snapshot-delete c "for-$reader" --metadata
    end c
    [ ! -e "$snap" ] && [ ! -e "$data" ] || die "what was merged is left"
done
ok "below an unplugged overlay, they are kept when a domain that was to read them ends"

# Overlays that no definition names by the path that the record of their snapshot has: they were taken
# from one domain, and their files moved, to be given to another one. At the old place others are.
create_snapshot pool snap3 "$POOL/vm/template.img"
virsh vol-create-as pool data3 1M
snap=$(virsh vol-path snap3 pool)
data=$(virsh vol-path data3 pool)
domain e "$(scsi_disk "$snap" sda) $(scsi_disk "$data" sdb)"
mkdir "$LAB/old" "$LAB/new"
touch "$LAB/old/other"
virsh start e
printf fifth | write_image "$snap"
printf fifth | write_image "$data"
virsh snapshot-create-as e one --disk-only --diskspec "sda,file=$LAB/old/a" --diskspec "sdb,file=$LAB/old/b"

without_overlays()
{
    ! virsh domblklist e | grep -q "$LAB/old/"
}

virsh detach-disk e sda --live --config
virsh detach-disk e sdb --live --config
eventually 30 without_overlays
mv "$LAB/old/a" "$LAB/old/b" "$LAB/new"
qcow2_disks="$(scsi_disk "$LAB/new/a" sda) $(scsi_disk "$LAB/new/b" sdb)"
domain f "${qcow2_disks//"'raw'"/"'qcow2'"}"
end e
has "$snap" fifth
has "$data" fifth
tool list "$POOL" | grep -q "^data3 .*overlaid" || die "not overlaid: $(tool list "$POOL")"
refused "'data3' & external snapshot & 'e'" "$POOL" tool stop "$POOL" data3
ok "below unplugged overlays whose files were moved, they are kept when the domain ends"
done_testing
