#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# The machine crashes right after something was done: what the user was told is so, and the next
# start goes on with the right bytes.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest size=512M -- qemu-system-x86_64

clean=$pool/vm/root.img
dirty=$pool/vm/root-dirty.img
guest_pool "$pool" "<reflink:revisions keep='2'/>
    <reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='*/direct' kind='direct'/>"
sync -f "$dir"

# Nothing is written back for a while on its own: what is durable was made so by us.
power_cut()
{
    lab_power_cut
    lab_start_libvirtd
    expect running virsh pool-info qubes
}

# A whole run, and what the guest said on its way.
run()
{
    : >"$LAB/$1.serial"
    guest_run "$1"
    expect_exactly "$2" tr -d '\r' <"$LAB/$1.serial"
}

idle_after()
{
    virsh start vm
    guest_says vm "disk 0: $1"
}

# --- create

boot_volume vm/root
power_cut
cmp "$clean" "$BOOT_IMAGE"
expect_exactly vm/root volumes qubes
virsh vol-clone vm/root vm/clone --pool qubes
power_cut
cmp "$pool/vm/clone.img" "$BOOT_IMAGE"
ok "a new volume and a clone are there, with all their bytes"

guest_domain vm vm/root
run vm "disk 0: 1"
ok "and can be started"

# --- start

virsh start vm --paused
power_cut
cmp "$dirty" "$clean"
[ "$(counter "$clean")" = 1 ]
run vm "disk 0: 2"
[ "$(counter "$clean")" = 2 ]
[ ! -e "$dirty" ]
ok "after a start the dirty image is whole, and the next start goes on with it"

guest_wish "$clean" P
sync -f "$dir"
sleep 2
idle_after 3
power_cut
[ "$(counter "$clean")" = 2 ]
found=$(counter "$dirty") # the guest has not flushed
[ "$found" = 2 ] || [ "$found" = 3 ]
cmp -n 512 "$dirty" "$clean"
cmp -i 516 "$dirty" "$clean"
idle_after $((found + 1))
virsh destroy vm
[ "$(counter "$clean")" = $((found + 1)) ]
ok "what a guest wrote and did not flush may be lost, and nothing else"

idle_after $((found + 2))
sync "$dirty"
power_cut
[ "$(counter "$clean")" = $((found + 1)) ]
[ "$(counter "$dirty")" = $((found + 2)) ]
idle_after $((found + 3))
ok "what it flushed is there, and the next start goes on with it"

# --- stop

virsh destroy vm
power_cut
now=$((found + 3))
[ ! -e "$dirty" ]
[ "$(counter "$clean")" = $now ]
newest=$(cd "$pool/vm" && printf '%s\n' root.img.* | sort -t . -k 3 -n | tail -n 1)
[ "$(counter "$pool/vm/$newest")" = $((found + 1)) ]
idle_after $((now + 1))
kill -KILL "$(cat /run/libvirt/qemu/vm.pid)" # which leaves it to us to flush
eventually 20 domain_is_off vm
eventually 20 test ! -e "$dirty"
power_cut
[ "$(counter "$clean")" = $((now + 1)) ]
ok "after a stop all is committed, and the revision before it is there"

# --- resize

virsh vol-resize vm/root 3M --pool qubes
power_cut
[ "$(stat -c %s "$clean")" = 3145728 ]
expect "Capacity:       3.00 MiB" virsh vol-info vm/root qubes
[ "$(counter "$clean")" = $((now + 1)) ]
cmp -n 512 "$clean" "$BOOT_IMAGE"
idle_after $((now + 2))
virsh vol-resize vm/root 5M --pool qubes
power_cut
[ "$(stat -c %s "$dirty")" = 5242880 ]
idle_after $(($(counter "$dirty") + 1))
virsh vol-resize vm/root 2M --pool qubes --shrink
power_cut
[ "$(stat -c '%s' "$dirty")" = 2097152 ]
now=$(counter "$dirty")
idle_after $((now + 1))
virsh destroy vm
[ "$(stat -c %s "$clean")" = 2097152 ]
[ "$(counter "$clean")" = $((now + 1)) ]
ok "a resize is there, at rest and while it runs, and so are the bytes"

# --- revisions

virsh vol-clone vm/root vm/root@label --pool qubes
power_cut
cmp "$pool/vm/root.img@label" "$clean"
idle_after $((now + 2))
virsh destroy vm
virsh vol-clone vm/root@label vm/root@current --pool qubes
power_cut
cmp "$pool/vm/root.img@label" "$clean"
newest=$(cd "$pool/vm" && printf '%s\n' root.img.* | sort -t . -k 3 -n | tail -n 1)
[ "$(counter "$pool/vm/$newest")" = $((now + 2)) ]
ok "so are a named revision, and a revert with what it replaced"

# --- the other kinds

virsh vol-create-as qubes vm/direct 1M
create_snapshot qubes vm/snapshot "$pool/vm/clone.img"
virsh vol-create-as qubes vm/volatile 1M
guest_domain others vm/snapshot vm/direct vm/volatile
power_cut
run others $'disk 0: 1\ndisk 1: 1\ndisk 2: 1'
sync -f "$dir" # a direct volume is the guest's to flush
virsh start others --paused
power_cut
[ ! -e "$pool/vm/direct.img" ]
[ "$(counter "$pool/vm/direct-dirty.img")" = 1 ]
run others $'disk 0: 1\ndisk 1: 2\ndisk 2: 1'
power_cut
[ "$(counter "$pool/vm/direct.img")" = 2 ]
expect_exactly "" find "$pool" -name '*-dirty.img'
run others $'disk 0: 1\ndisk 1: 3\ndisk 2: 1'
ok "snapshot and volatile volumes start afresh, a direct one goes on"

# --- delete

virsh vol-delete vm/snapshot qubes
virsh vol-delete vm/root qubes --delete-snapshots
power_cut
expect_exactly "" find "$pool" -name '[rs]*' -not -name '*~*' # temporaries are nobody's volume
expect_exactly $'vm/clone\nvm/direct\nvm/volatile' volumes qubes
ok "what was deleted does not come back"

done_testing
