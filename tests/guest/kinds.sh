#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# A domain's life on the four kinds of volume. Its guest adds one to a counter on each disk.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest journal -- qemu-system-x86_64 python3
journal_begin

guest_pool "$pool" "<reflink:revisions keep='2'/>
    <reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='*/direct' kind='direct'/>"
boot_volume template/root
create_snapshot qubes vm/root "$pool/template/root-dirty.img"
virsh vol-create-as qubes vm/private 1M
virsh vol-create-as qubes vm/volatile 2M
virsh vol-create-as qubes vm/direct 1M
guest_domain vm vm/root vm/private vm/volatile vm/direct
guest_domain template template/root
dirty=$pool/vm/private-dirty.img
clean=$pool/vm/private.img

# said ROOT PRIVATE VOLATILE DIRECT: what the guest found on its disks in the last run.
said()
{
    expect_exactly "$(printf 'disk 0: %s\ndisk 1: %s\ndisk 2: %s\ndisk 3: %s' "$@")" \
        tr -d '\r' <"$LAB/vm.serial"
}

at_rest()
{
    expect_exactly "" find "$pool" -name '*-dirty.img'
}

# --- three runs

direct=$(stat -c %i "$pool/vm/direct.img")
for run in 1 2 3; do
    guest_run vm
    said 1 $run 1 $run
    at_rest
    [ "$(counter "$clean")" = $run ]
    [ "$(counter "$pool/vm/direct.img")" = $run ]
    [ "$(counter "$pool/template/root.img")" = 0 ]
done
ok "persistent and direct volumes go on, snapshot and volatile ones start afresh"

eventually 10 has_volumes vm/direct vm/private vm/private@2 vm/private@3 vm/root vm/volatile \
    template/root
[ "$(counter "$(virsh vol-path vm/private@3 qubes)")" = 2 ]
[ "$(counter "$(virsh vol-path vm/private@2 qubes)")" = 1 ]
ok "a revision holds what was there before its run, and as many are kept as was asked for"

[ "$(stat -c %i "$pool/vm/direct.img")" = "$direct" ]
[ "$(stat -c %h "$pool/vm/direct.img")" = 1 ]
[ ! -e "$pool/vm/root.img" ]
[ ! -e "$pool/vm/volatile.img" ]
expect "Capacity:       2.00 MiB" virsh vol-info vm/volatile qubes
ok "a direct volume keeps its image, the others have none at rest"

# --- while it runs

before=$(stat -c %i "$clean")
virsh start vm --paused
guest_wish "$pool/vm/root-dirty.img" P
[ "$(stat -c %i "$clean")" = "$before" ]
[ "$(stat -c %i "$dirty")" != "$before" ]
[ "$(stat -c %i "$pool/vm/direct-dirty.img")" = "$direct" ]
[ ! -e "$pool/vm/direct.img" ]
[ "$(stat -c %s "$pool/vm/volatile-dirty.img")" = 2097152 ]
cmp -n 2097152 "$pool/vm/volatile-dirty.img" /dev/zero
virsh resume vm
guest_says vm "disk 3: 4"
[ "$(counter "$dirty")" = 4 ]
[ "$(counter "$clean")" = 3 ]
ok "a running guest writes to an image of its own"

virsh pool-refresh qubes
expect "<path>$clean</path>" virsh vol-dumpxml vm/private qubes
expect "<path>$pool/template/root.img</path>" virsh vol-dumpxml vm/root qubes
virsh vol-download vm/private "$LAB/out" --pool qubes
[ "$(counter "$LAB/out")" = 3 ]
virsh vol-clone vm/private vm/copy --pool qubes
[ "$(counter "$pool/vm/copy.img")" = 3 ]
virsh vol-clone vm/private vm/private@live --pool qubes
[ "$(counter "$pool/vm/private.img@live")" = 4 ]
ok "a download and a clone have its last state at rest, a named revision the present one"

fails_with "'vm/direct' & running" virsh vol-download vm/direct "$LAB/out" --pool qubes
fails_with "'vm/direct' & running" virsh vol-clone vm/direct vm/other --pool qubes
fails_with "'vm/private' & running & 'vm'" \
    virsh vol-clone vm/private@2 vm/private@current --pool qubes
fails_with "'vm/private' & running & 'vm'" virsh vol-delete vm/private qubes
fails_with "'vm/root' & running & 'vm'" virsh vol-delete vm/root qubes
ok "it cannot be reverted or deleted, nor a direct one be read"

virsh vol-resize vm/private 3M --pool qubes
[ "$(stat -c %s "$dirty")" = 3145728 ]
[ "$(stat -c %s "$clean")" = 1048576 ]
virsh vol-resize vm/volatile 4M --pool qubes
virsh destroy vm
at_rest
[ "$(stat -c %s "$clean")" = 3145728 ]
[ "$(counter "$clean")" = 4 ]
expect "Capacity:       4.00 MiB" virsh vol-info vm/volatile qubes
ok "a resize of a running volume is kept, and of a volatile one its size alone"

# size_of_disks: the bytes of the disks as the device model has them.
sizes_of_disks()
{
    virsh qemu-monitor-command vm '{"execute": "query-block"}' | grep -o '"virtual-size": *[0-9]*' |
        grep -o '[0-9]*$' | sort -n | xargs
}

virsh start vm --paused
sizes=$(sizes_of_disks)
virsh vol-resize vm/private 4M --pool qubes
[ "$(sizes_of_disks)" = "$sizes" ] || die "libvirt tells the guest by itself: say so in the manual"
expect "virsh blockresize vm $(virsh vol-path vm/private qubes) 4194304B" cat "$LAB/journal"
virsh blockresize vm "$(virsh vol-path vm/private qubes)" 4194304B
[[ $(sizes_of_disks) == *4194304* ]] || die "the device model has '$(sizes_of_disks)'"
virsh blockresize vm "$(virsh vol-path vm/private qubes)" 5242880B
virsh blockresize vm "$(virsh vol-path vm/direct qubes)" 6291456B
expect "Capacity:       5.00 MiB" virsh vol-info vm/private qubes
virsh destroy vm
at_rest
[ "$(stat -c %s "$clean")" = 5242880 ]
[ "$(stat -c %s "$pool/vm/direct.img")" = 6291456 ]
ok "the guest sees the size after blockresize, which resizes the volume alone as well"

# --- a template that changes

guest_run template
[ "$(counter "$pool/template/root.img")" = 1 ]
guest_run vm
said 2 5 1 5
ok "a snapshot follows its template when both have been stopped"

virsh start template --paused
guest_wish "$pool/template/root-dirty.img" P
virsh resume template
guest_says template "disk 0: 2"
guest_run vm
said 2 6 1 6
virsh start vm --paused
virsh destroy template
[ "$(counter "$pool/template/root.img")" = 2 ]
[ "$(counter "$pool/vm/root-dirty.img")" = 1 ]
revision=$(echo "$pool"/template/root.img.2@*)
expect "<path>$revision</path>" virsh vol-dumpxml vm/root qubes
virsh resume vm
guest_wait vm
said 2 7 1 7
expect "<path>$pool/template/root.img</path>" virsh vol-dumpxml vm/root qubes
virsh start vm # with the template's wish, now
guest_says vm "disk 3: 8"
said 3 8 1 8
virsh destroy vm
ok "not while the template runs, nor while it runs itself"

tool delete -q --with-users qubes template/root
# Where images are copied only the date tells that nothing was written, and it does if it is not young.
sleep 2.1
before=$(counter "$clean")
fails_with "vm/root & template/root" virsh start vm
at_rest
[ "$(counter "$clean")" = "$before" ]
ok "without its template it does not start, and the message names it"

done_testing
