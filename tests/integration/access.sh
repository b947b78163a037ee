#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs ext4
# Who may do what, and who is told: a read-only connection looks and changes nothing, and events come
# as for a plain pool.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states

reflink_pool qubes "$dir/qubes" "$fallback"
random_file "$LAB/data" 1M
virsh vol-create-as qubes web 1M
virsh vol-upload web "$LAB/data" --pool qubes
virsh vol-clone web web@named --pool qubes
eventually 10 test -e "$(image web -precache.img)"

readonly_virsh()
{
    command virsh -q -r -c qemu:///system "$@"
}

# --- a read-only connection

eventually 10 expect "web@1" readonly_virsh vol-list qubes --details
expect "<reflink:options>" readonly_virsh pool-dumpxml qubes
expect "Capacity:       1.00 MiB" readonly_virsh vol-info web qubes
expect "<name>web@named</name>" readonly_virsh vol-dumpxml web@named qubes
expect_exactly "$(image web -dirty.img)" readonly_virsh vol-path web qubes
expect_exactly web readonly_virsh vol-name "$(image web -dirty.img)"
expect "running" readonly_virsh pool-info qubes
virsh pool-dumpxml qubes >"$LAB/pool.xml"
volume_document new 1048576 >"$LAB/volume.xml"
while read -r command; do
    # shellcheck disable=SC2086
    refused "read.only" "$pool" readonly_virsh $command
done <<END
vol-create qubes $LAB/volume.xml
vol-create-from qubes $LAB/volume.xml web --inputpool qubes
vol-clone web web@label --pool qubes
vol-clone web@named web@current --pool qubes
vol-upload web $LAB/data --pool qubes
vol-download web $LAB/downloaded --pool qubes
vol-resize web 2M --pool qubes
vol-delete web@named qubes
vol-delete web qubes --delete-snapshots
vol-wipe web qubes
pool-refresh qubes
pool-destroy qubes
pool-build qubes
pool-delete qubes
pool-undefine qubes
pool-autostart qubes
pool-define $LAB/pool.xml
END
expect "web@named" volumes qubes
ok "a read-only connection lists and describes, and changes nothing"

# --- what is refused to everybody

refused "wiped" "$pool" virsh vol-wipe web qubes
for algorithm in zero nnsa random trim; do
    refused "wiped" "$pool" virsh vol-wipe web qubes --algorithm $algorithm
done
refused "wiped" "$pool" virsh vol-wipe web@named qubes
refused "metadata" "$pool" virsh vol-create-as qubes new 1M --prealloc-metadata
refused "metadata" "$pool" virsh vol-create qubes "$LAB/volume.xml" --prealloc-metadata
refused "named & web@named" "$pool" virsh vol-delete web qubes
ok "wiping and preallocated metadata are refused, and a volume with named revisions is not deleted"

volume_document new 1048576 "<target/>" >"$LAB/volume.xml"
if [[ $(libvirtd --version) == *" 9.0.0" ]]; then # it hands the flag on; later ones do not
    refused "unsupported flags" "$pool" virsh vol-create qubes "$LAB/volume.xml" --validate
else
    virsh vol-create qubes "$LAB/volume.xml" --validate
    virsh vol-delete new qubes
fi
virsh vol-create-as qubes new 4M --allocation 1M
[ "$(stat -c %b "$(image new)")" -le 8 ] # a hint, and volumes are sparse
virsh vol-resize new 8M --allocate --pool qubes
[ "$(stat -c %b "$(image new)")" -ge 16384 ]
virsh vol-delete new qubes --delete-snapshots
virsh vol-create-as qubes new 1M
virsh vol-clone new new@a --pool qubes
virsh vol-clone new new@b --pool qubes
virsh vol-delete new@a qubes --delete-snapshots
expect new@b volumes qubes
virsh vol-delete new qubes --delete-snapshots
expect_not new volumes qubes
nothing_left web
ok "allocation is a hint when a volume is created, and an order when it is resized"

# --- events

# life NAME: the same for both kinds of pools; its definition is in $LAB/NAME.life.xml.
life()
{
    virsh pool-define "$LAB/$1.life.xml"
    virsh pool-build "$1"
    virsh pool-start "$1"
    virsh vol-create-as "$1" disk 1M
    virsh pool-refresh "$1"
    virsh vol-upload disk "$LAB/data" --pool "$1"
    virsh vol-delete disk "$1"
    # The refresh after an upload is a thread's; so another one comes after it, or is it itself.
    sleep 0.5
    virsh pool-destroy "$1"
    virsh pool-delete "$1"
    virsh pool-undefine "$1"
}

# watched NAME: the events of that pool's life, one a line, without names and times.
watched()
{
    local kind watchers=() watcher

    for kind in lifecycle refresh; do
        env virsh -q -c qemu:///system pool-event --loop --event $kind >"$LAB/$kind.$1" 2>&1 &
        watchers+=($!)
    done
    sleep 0.5
    life "$1"
    sleep 0.5
    for watcher in "${watchers[@]}"; do
        kill -TERM "$watcher"
        wait "$watcher" 2>/dev/null || true
    done
    grep -h "pool $1" "$LAB/lifecycle.$1" "$LAB/refresh.$1" | sed "s/$1/POOL/"
}

pool_document ours "$dir/life" "$fallback" >"$LAB/ours.life.xml"
plain_document stock "$dir/life" >"$LAB/stock.life.xml"
stock_events=$(watched stock)
our_events=$(watched ours)
[ "$(grep -c . <<<"$stock_events")" -ge 7 ] || die "libvirt's own pools have other events: $stock_events"
[ "$stock_events" = "$our_events" ] || die "not the same events:
$stock_events
---
$our_events"
ok "the events of a pool's life are those of a plain pool"

done_testing
