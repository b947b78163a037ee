#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# While a domain runs, another directory gets the name of the pool that its disks are given by
# (type='volume'). Its volumes have the same names, and are none of the domain's: an administrator
# has kept them.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks journal \
    -- qemu-system-x86_64 python3
journal_begin
kinds_make "$dir"
two=$dir/two
reflink_pool two "$two"
for volume in vm/persistent vm/template vm/data vm/other; do
    virsh vol-create-as two "$volume" 1M
done
create_snapshot two vm/snapshot "$two/vm/template.img"
virsh vol-create-as pool vm/data 1M
virsh vol-create-as pool vm/other 1M

# keep VOLUME...: the other directory has these, with what an administrator kept.
keep()
{
    local volume

    for volume in "$@"; do
        tool start "$two" "$volume" >/dev/null
        printf KEPT | write_image "$two/$volume-dirty.img"
        tool continue "$two" "$volume" >/dev/null
    done
}

are_kept()
{
    local volume

    for volume in "$@"; do
        [ "$(head -c 4 "$two/$volume-dirty.img")" = KEPT ] || die "$volume of the other pool was ended"
        [ -z "$(find "$two" -path "$two/$volume.img.*")" ] || die "$volume was committed"
    done
}

# give_name DIRECTORY: the name "pool" is that directory's from now on.
give_name()
{
    virsh pool-destroy pool
    virsh pool-undefine pool
    define_pool pool "$1"
    virsh pool-start pool
}

# plug VOLUME TARGET: into the running domain, by the name of its pool.
plug()
{
    echo "<disk type='volume' device='disk'><driver name='qemu' type='raw'/>" \
        "<source pool='pool' volume='$1'/><target dev='$2' bus='scsi'/></disk>" >"$LAB/disk.xml"
    virsh attach-device vm "$LAB/disk.xml" --live
}

state()
{
    tool list "$1" | awk -v name="$2" '$1 == name { print $3 }'
}

is_of_vm()
{
    tool info "$POOL" "$1" | grep -q "^domain *vm (qemu"
}

keep vm/persistent vm/snapshot vm/data vm/other
virsh pool-destroy two
virsh pool-undefine two
define_disks "$(disk volume "pool='pool' volume='vm/persistent'")" \
    "$(disk volume "pool='pool' volume='vm/snapshot'")"
kinds_wish P
virsh start vm
kinds_idle vm 2
give_name "$two"
virsh destroy vm
workers_done
are_kept vm/persistent vm/snapshot
[ "$(counter "$POOL/vm/persistent.img")" = 1 ] || die "the domain's own disk was not committed"
expect_exactly stopped state "$POOL" vm/persistent
expect_exactly stopped state "$POOL" vm/snapshot
ok "the end of a domain finds what it was started on, wherever the name of the pool leads now"

give_name "$POOL"
kinds_wish P
virsh start vm
kinds_idle vm 2
give_name "$two"
lab_restart_libvirtd
virsh domstate vm
[ "$(virsh domstate vm)" != running ] || virsh destroy vm
workers_done
are_kept vm/persistent vm/snapshot
[ "$(counter "$POOL/vm/persistent.img")" = 2 ] || [ "$(state "$POOL" vm/persistent)" = left ] ||
    die "the domain's own disk is lost"
tool list "$POOL" | grep -q running && die "the domain's own disks are never ended"
ok "so does a daemon that starts again"

give_name "$POOL"
[ ! -e "$POOL/vm/persistent-dirty.img" ] || tool discard "$POOL" vm/persistent
[ ! -e "$POOL/vm/snapshot-dirty.img" ] || tool discard "$POOL" vm/snapshot
virsh start vm --paused
tool start "$POOL" vm/data >/dev/null
printf MINE | write_image "$POOL/vm/data-dirty.img"
plug vm/data sda
virsh destroy vm
workers_done
expect_exactly stopped state "$POOL" vm/data
expect_exactly MINE head -c 4 "$POOL/vm/data.img"
virsh start vm --paused
tool start "$POOL" vm/data >/dev/null
printf 2222 | write_image "$POOL/vm/data-dirty.img"
plug vm/data sda
lab_restart_libvirtd
eventually 10 is_of_vm vm/data
virsh destroy vm
workers_done
expect_exactly 2222 head -c 4 "$POOL/vm/data.img"
ok "a volume that was plugged in by the name of a pool that is active since before ends with the domain"

virsh start vm --paused
tool start "$POOL" vm/data >/dev/null
tool start "$POOL" vm/other >/dev/null
printf 3333 | write_image "$POOL/vm/data-dirty.img"
plug vm/data sda
lab_restart_libvirtd
eventually 10 is_of_vm vm/data
plug vm/other sdb
give_name "$two"
virsh destroy vm
workers_done
are_kept vm/data vm/other
expect_exactly 3333 head -c 4 "$POOL/vm/data.img"
expect "started by hand" tool info "$POOL" vm/other
grep -q "'vm/other'.*'$two'.*not stopped.*'pool'" "$LAB/journal" ||
    die "the log does not say it: $(cat "$LAB/journal")"
tool stop "$POOL" vm/other >/dev/null
ok "where the name was given away since, what is there is kept, and the log says so"

# What an earlier version noted at the start has no names of pools, and no date.
give_name "$POOL"
virsh start vm --paused
started=/run/libvirt-reflink/started-qemu-00000000-0000-4000-8000-000000000001
cut -f 1-3 "$started" | grep -v ^began >"$LAB/earlier"
mv "$LAB/earlier" "${started/-qemu/}"
rm "$started"
printf 4444 | write_image "$POOL/vm/persistent-dirty.img" 512
give_name "$two"
virsh destroy vm
workers_done
are_kept vm/persistent vm/snapshot
expect_exactly stopped state "$POOL" vm/persistent
expect_exactly stopped state "$POOL" vm/snapshot
ok "an earlier version's note of the start is as good, for what it names"

give_name "$POOL"
virsh start vm --paused
cut -f 1-3 "$started" | grep -v ^began >"${started/-qemu/}"
rm "$started"
printf 5555 | write_image "$POOL/vm/persistent-dirty.img" 512
virsh destroy vm
workers_done
expect_exactly stopped state "$POOL" vm/persistent
virsh start vm --paused
rm "$started"
printf 6666 | write_image "$POOL/vm/persistent-dirty.img" 512
give_name "$two"
virsh destroy vm
workers_done
are_kept vm/persistent vm/snapshot
ok "and where nothing was noted, the images say whose they are"
done_testing
