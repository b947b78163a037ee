#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# What libvirt does with a disk's path without asking a hook: a disk that a running domain is given, and
# what is said of a domain that is off, or removed with its storage. The volume has to be started for
# it by hand, and is the domain's from then on.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
virsh vol-create-as pool data 1M
data=$(virsh vol-path data pool)

attach()
{
    virsh attach-disk vm "$data" sda --live --targetbus scsi --subdriver raw
}

state()
{
    tool list "$POOL" | awk '$1 == "data" { print $3 }'
}

fails_with "Failed to open file .*persistent-dirty.img" virsh domblkinfo vm hda
virsh start vm --paused
expect "1048576" virsh domblkinfo vm hda
ok "domblkinfo is for domains that run"

fails_with "Cannot access storage file '$data'" attach
tool start "$POOL" data >/dev/null
attach
expect_exactly running state
fails_with "'data' & 'vm' & open" tool stop "$POOL" data
lab_domain other "$data" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
fails_with "'data' & in use & 'vm'" virsh start other
virsh detach-disk vm sda --live
workers_done
fails_with "'data' & in use & virt-reflink start" virsh start other
workers_done
expect "started by hand" tool info "$POOL" data
expect "data is " tool stop "$POOL" data
expect_exactly stopped state
ok "a volume that was started by hand can be plugged in; unplugged again, or asked for in vain, it is ended by hand"

# plug CHARACTER: the volume is the domain's, and the guest writes to it.
plug()
{
    [ -e "$data" ] || tool start "$POOL" data >/dev/null
    attach
    printf %s "$1" | write_image "$data"
}

is_of_vm()
{
    tool info "$POOL" data | grep -q "^domain *vm (qemu"
}

content()
{
    head -c 1 "$1"
}

plug 1
virsh destroy vm
workers_done
expect_exactly stopped state
expect_exactly 1 content "$POOL/volumes/data.img"
virsh start vm --paused
plug 2
lab_restart_libvirtd
eventually 10 is_of_vm
virsh detach-disk vm sda --live
virsh destroy vm
workers_done
expect_exactly stopped state
expect_exactly 2 content "$POOL/volumes/data.img"
ok "it ends with the domain, also where that was unplugged after libvirtd had seen it"

virsh start vm --paused
plug 3
virsh managedsave vm
workers_done
expect_exactly saved state
fails_with "'vm' & saved" virsh start other
virsh start vm
expect "$data" virsh domblklist vm
expect_exactly running state
virsh destroy vm
workers_done
expect_exactly stopped state
expect_exactly 3 content "$POOL/volumes/data.img"
ok "saved with the domain, it is restored with it"

# Who only looks at a disk has no part in it: what a person keeps, or works on, is no domain's to end.
create_snapshot pool kept "$POOL/vm/template.img"
kept=$(virsh vol-path kept pool)
tool start "$POOL" kept >/dev/null
printf 6 | write_image "$kept"
tool continue "$POOL" kept >/dev/null
tool start "$POOL" data >/dev/null
printf 6 | write_image "$data"
virsh start vm --paused
virsh attach-disk vm "$data" sda --live --targetbus scsi --subdriver raw --mode readonly
virsh attach-disk vm "$kept" sdb --live --targetbus scsi --subdriver raw --mode readonly
lab_restart_libvirtd
virsh domblklist vm >/dev/null
virsh destroy vm
workers_done
[ -e "$kept" ] || die "what a person keeps was dropped"
expect_exactly 6 content "$kept"
expect "started by hand" tool info "$POOL" data
expect_exactly 3 content "$POOL/volumes/data.img"
tool stop "$POOL" data >/dev/null
virsh vol-delete kept pool
ok "a domain that was given it to read ends it for nobody"

# overlay NAME: over the disk alone.
overlay()
{
    virsh snapshot-create-as vm "$1" --disk-only --no-metadata --diskspec "sda,file=$LAB/$1" \
        --diskspec hda,snapshot=no --diskspec hdb,snapshot=no --diskspec hdc,snapshot=no \
        --diskspec hdd,snapshot=no
}

not_ours()
{
    refused "'data' & external snapshot & 'vm'" "$POOL" \
        virsh start other
    refused "'data' & external snapshot & 'vm'" "$POOL" \
        tool stop "$POOL" data
    refused "'data' & external snapshot" "$POOL" tool discard "$POOL" data
    expect_exactly overlaid state
}

virsh start vm --paused
plug 4
overlay one
fails_with "'data' & 'vm' & open" tool stop "$POOL" data
age_run "$data"
fails_with "'vm'" virsh start other
virsh destroy vm
workers_done
not_ours
tool continue "$POOL" data >/dev/null
tool stop "$POOL" data >/dev/null
expect_exactly 4 content "$POOL/volumes/data.img"
ok "below an external snapshot of that domain it is no other's, before and after the domain's end"

# The host goes down before any hook is called. Of a disk that is defined, libvirt knows the layers.
virsh start vm --paused
tool start "$POOL" data >/dev/null
virsh attach-disk vm "$data" sda --live --config --targetbus scsi --subdriver raw
printf 5 | write_image "$data"
overlay two
host_loses_power
not_ours
tool continue "$POOL" data >/dev/null
tool stop "$POOL" data >/dev/null
expect_exactly 5 content "$POOL/volumes/data.img"
virsh undefine other
kinds_define
ok "so it is after a crash of the host"

# A domain with a short path, which nobody manages for libvirt.
virsh vol-create-as pool short 1M
lab_domain other "$POOL/short" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
virsh undefine other --remove-all-storage 2>"$LAB/said"
expect "'hda'($POOL/short) is not managed by libvirt" cat "$LAB/said"
expect "short" virsh vol-list pool
lab_domain other "$(virsh vol-path short pool)" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
virsh undefine other --remove-all-storage
expect_not "short" virsh vol-list pool
ok "with its storage a domain is removed by the path that vol-path says"
done_testing
