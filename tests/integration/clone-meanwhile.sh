#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# A copy from one file system to another that takes long: what is seen of it, what waits for it
# (nothing), and what is left when it does not come to its end (nothing).
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
. "$SOURCE_DIR/tests/lib/states.sh"
requires_filesystem "$FS" xfs
lab_enter "$0" "$@"
dir=$(lab_filesystem xfs 1G)
other=$(lab_filesystem "$FS" 1G other)
lab_start_libvirtd "LD_PRELOAD=$BUILD_DIR/tests/slow-copy.so" "SLOW_COPY=$LAB/slow"

reflink_pool far "$other/far"
stock_pool plain "$dir/plain"
new=$LAB/new
random_file "$new" 1M
virsh vol-create-as far there 1M

yes | head -c 400M >"$dir/plain/big"
virsh pool-refresh plain
volume_document slow/copy 1 >"$LAB/volume.xml"
pool=$other/far

# begin: a clone of the big file, which waits when some of it is there.
begin()
{
    env virsh -q -c qemu:///system vol-create-from far "$LAB/volume.xml" big --inputpool plain \
        >"$LAB/said" 2>&1 &
    clone=$!
    until has_blocks; do
        kill -0 "$clone" || die "the clone ended: $(cat "$LAB/said")"
    done
    touch "$LAB/slow"
}

has_blocks()
{
    [ "$(stat -L -c %b "/proc/$LIBVIRTD_PID/fd/$(draft)" 2>/dev/null || echo 0)" -gt 0 ]
}

draft()
{
    find "/proc/$LIBVIRTD_PID/fd" -lname "$pool/*(deleted)" -printf '%f\n' | head -n 1
}

begin
timeout 5 virsh vol-list far >/dev/null
timeout 5 virsh vol-info there far >/dev/null
timeout 5 virsh vol-dumpxml slow/copy far >/dev/null
timeout 5 virsh vol-list plain --details >/dev/null
allocation=$(field Allocation virsh vol-info slow/copy far --bytes)
[ "$allocation" -gt 0 ] && [ "$allocation" -lt 419430400 ]
fails_with "still being allocated" virsh vol-delete slow/copy far
fails_with "still being allocated" virsh vol-upload slow/copy "$new" --pool far
fails_with "in use|asynchronous" virsh pool-refresh far
fails_with "asynchronous jobs" virsh pool-destroy far
[ ! -e "$(image slow/copy)" ]
rm "$LAB/slow"
wait "$clone" || die "$(cat "$LAB/said")"
cmp "$(image slow/copy)" "$dir/plain/big"
virsh vol-delete slow/copy far
ok "while a clone is under way its progress is seen, and nothing else waits for it"

begin
kill -KILL "$clone"
wait "$clone" 2>/dev/null || true
sleep 0.3 # the copy looks for its client five times a second
rm "$LAB/slow"
is_interrupted()
{
    ! virsh vol-list far | grep -q slow/copy
}
eventually 10 is_interrupted
[ -z "$(draft)" ]
expect_exactly "" find "$pool" -path "*slow*" -type f
nothing_left
expect_exactly there volumes far
virsh pool-refresh far
ok "it is interrupted when its client is killed, and nothing of it is left"

begin
kill -KILL "$LIBVIRTD_PID"
rm "$LAB/slow"
forget_libvirtd
! wait "$clone" || die "the clone succeeded without the daemon"
lab_start_libvirtd
expect_not slow/copy volumes far
nothing_left
expect_exactly "" find "$pool" -path "*slow*" -type f
ok "a daemon that is killed leaves nothing of it"

done_testing
