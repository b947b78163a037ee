#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# What a domain's end leaves for later: libvirt's list, revisions too many, the next precaches. A
# worker does it, and when it is cut off, the next one does.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"

# listed_soon VOLUME REVISIONS: vol-list has these, within a second.
listed_soon()
{
    local i

    for ((i = 0; i < 20; i++)); do
        [ "$(volumes pool | sed -n "s,^$1@,,p" | sort -n | xargs)" = "$2" ] && return
        sleep 0.05
    done
    die "a second after its end, vol-list has: $(volumes pool | xargs)"
}

for run in 1 2 3 4; do
    guest_run vm
    listed_soon vm/persistent "$(seq $((run > 2 ? run - 1 : 1)) $run | xargs)"
    expect "Capacity" virsh vol-info "vm/persistent@$run" --pool pool
done
fails_with "." virsh vol-info vm/persistent@1 --pool pool
ok "vol-list is right within a second of each end, without a refresh"

workers_done
for kind in persistent snapshot; do
    [ -e "$POOL/vm/$kind-precache.img" ] || die "$kind has no precache"
done
cmp "$POOL/vm/persistent-precache.img" "$POOL/vm/persistent.img"
cmp "$POOL/vm/snapshot-precache.img" "$POOL/vm/template.img"
ok "the next images are ready"

# The template runs, and is committed: what its snapshots have ready is of yesterday.
lab_domain keeper "$POOL/vm/template-dirty.img $POOL/vm/persistent-dirty.img" |
    sed "s/<boot dev='hd'/<boot dev='hd'/" >"$LAB/keeper.xml"
write_image "$POOL/vm/template.img" <"$BOOT_IMAGE"
guest_wish "$POOL/vm/template.img" -
printf 'd\0\0\0' | write_image "$POOL/vm/template.img" 512
sed -i "/persistent-dirty/s,$POOL/vm/persistent-dirty.img,$LAB/none.img," "$LAB/keeper.xml"
truncate -s 1M "$LAB/none.img"
virsh define "$LAB/keeper.xml"
guest_run keeper
[ "$(counter "$POOL/vm/template.img")" = 101 ] || die "the template was not committed"
workers_done
cmp "$POOL/vm/snapshot-precache.img" "$POOL/vm/template.img"
cmp "$POOL/vm/template-precache.img" "$POOL/vm/template.img"
guest_run vm
expect_exactly "5 102 1 5" kinds_counts
ok "a template's commit makes the images of its snapshots anew"

# Big revisions that are too many go, with the space they took.
virsh vol-resize vm/persistent 200M --pool pool
for _ in 1 2 3 4; do
    virsh start vm --paused
    dd if=/dev/urandom of="$POOL/vm/persistent-dirty.img" bs=1M seek=1 count=100 conv=notrunc \
        status=none
    virsh destroy vm
done
workers_done
expect_exactly "" temporaries
listed_soon vm/persistent "$(revisions vm/persistent)"
[ "$(revisions vm/persistent | wc -w)" = 2 ] || die "not two revisions: $(revisions vm/persistent)"
sync -f "$POOL"
used=$(df --output=used -BM "$POOL" | tail -n 1 | tr -d ' M')
[ "$used" -lt 550 ] || die "$used MiB are still used"
ok "revisions beyond the number to keep go, and free their space"

# kill_workers: as soon as there are any.
kill_workers()
{
    local pid

    for pid in $(pgrep -x '50-reflink|libvirt-reflink'); do
        kill -KILL "$pid" 2>/dev/null || true
    done
}

kinds_wish P
count=$(counter "$POOL/vm/persistent.img")
for run in 1 2 3 4 5 6; do
    virsh start vm
    kinds_idle
    expect_exactly "$((count + run)) 102 1 $((5 + run))" kinds_counts
    virsh destroy vm
    # The sooner the worse; later it is further.
    sleep "0.0$((run - 1))"
    kill_workers
done
[ "$(counter "$POOL/vm/persistent.img")" = $((count + 6)) ] || die "a run was lost"
kinds_no_dirty
virsh start vm
kinds_idle
virsh destroy vm
workers_done
expect_exactly "" temporaries
[ "$(revisions vm/persistent | wc -w)" = 2 ] || die "not two revisions: $(revisions vm/persistent)"
listed_soon vm/persistent "$(revisions vm/persistent)"
ok "workers killed: the next starts and ends are as ever, and the last worker makes up for all"

# hold_images, let_images_go: another process has two of the images open for writing.
hold_images()
{
    exec 8<>"$POOL/vm/snapshot-dirty.img" 9<>"$POOL/vm/persistent-dirty.img"
}

let_images_go()
{
    exec 8<&- 9<&-
}

kinds_start_idle
hold_images
virsh save vm "$LAB/vm.save"
kill_workers
let_images_go
fails_with "saved & restore & virt-reflink continue" virsh start vm
virsh restore "$LAB/vm.save"
expect "running" virsh domstate vm
count=$(counter "$POOL/vm/persistent-dirty.img")
virsh destroy vm
workers_done
[ "$(counter "$POOL/vm/persistent.img")" = "$count" ] || die "what was saved is lost"
ok "saved while a process has the images open, and the worker killed: they are saved nevertheless"

# snapshot_while_off: libvirt makes an external snapshot of the domain, which is off, since what it ran
# on is there still.
snapshot_while_off()
{
    virsh snapshot-create-as vm late --disk-only \
        --diskspec "hda,file=$LAB/late.hda" --diskspec "hdb,file=$LAB/late.hdb" \
        --diskspec "hdc,snapshot=no" --diskspec "hdd,snapshot=no"
    below=$(cd "$POOL/vm" && cksum persistent-dirty.img snapshot-dirty.img)
}

# goes_on_above: what is below the snapshot is as it was, and the domain goes on; merged, it ends as
# ever.
goes_on_above()
{
    local target

    [ "$(cd "$POOL/vm" && cksum persistent-dirty.img snapshot-dirty.img)" = "$below" ] ||
        die "what is below the snapshot has changed"
    virsh start vm
    kinds_idle
    for target in hda hdb; do
        virsh blockcommit vm $target --active --pivot --wait >/dev/null
    done
    count=$(counter "$POOL/vm/persistent-dirty.img")
    virsh destroy vm
    workers_done
    kinds_no_dirty
    [ "$(counter "$POOL/vm/persistent.img")" = "$count" ] || die "what was merged is not committed"
    virsh snapshot-delete vm late --metadata
    rm "$LAB/late.hda" "$LAB/late.hdb"
}

kinds_start_idle
exec 8<>"$POOL/vm/snapshot-dirty.img" 9<>"$POOL/vm/persistent.img"
virsh destroy vm
snapshot_while_off
let_images_go
workers_done
expect_info vm/persistent "overlaid"
expect_info vm/snapshot "overlaid"
goes_on_above
ok "an end that waits for a process leaves what libvirt has put a snapshot on meanwhile"

kinds_start_idle
hold_images
virsh destroy vm
kill_workers
snapshot_while_off
let_images_go
fails_with "external snapshot of domain 'vm'" virsh create "$LAB/vm.xml"
goes_on_above
ok "so does a start by an older definition, where that end never came"

[ -z "$(ps -eo stat,comm | awk '$1 ~ /^Z/ && /reflink/')" ] || die "zombies: $(ps -e)"
ok "no worker became a zombie"
done_testing
