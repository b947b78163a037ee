#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# A copy from one file system to another that takes long: what is seen of it, what waits for it
# (nothing), and what is left when it does not come to its end (nothing). The same for an operation that
# waits for the lock of its volume.
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

# --- whoever waits for the lock of a volume has not locked the pool

# lock_of NAME: where that is (common/pool/volume-lock.c).
lock_of()
{
    printf '/run/libvirt-reflink/%s-%x/%s' "$(stat -c %D "$pool")" "$(stat -c %i "$pool")" \
        "$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)"
}

# waits NAME COMMAND...: virsh does that as soon as the lock of NAME is free, and the pool is free before.
waits()
{
    local name=$1 client
    shift
    mkdir -p "$(dirname "$(lock_of "$name")")"
    exec 7>>"$(lock_of "$name")"
    flock 7
    env virsh -q -c qemu:///system "$@" >"$LAB/said" 2>&1 7>&- &
    client=$!
    eventually 20 is_waited_for "$name"
    timeout 10 virsh vol-info there far >/dev/null || die "$*: vol-info of another volume waits"
    timeout 10 virsh vol-list far >/dev/null || die "$*: vol-list waits"
    timeout 10 virsh vol-create-as far "beside" 1M || die "$*: the creation of another volume waits"
    timeout 10 virsh vol-delete beside far || die "$*: the deletion of another volume waits"
    kill -0 "$client" || die "$* did not wait: $(cat "$LAB/said")"
    exec 7>&-
    wait "$client" || die "$*: $(cat "$LAB/said")"
}

# The daemon has it open, too.
is_waited_for()
{
    [ -n "$(find "/proc/$LIBVIRTD_PID/fd" -lname "$(lock_of "$1")")" ]
}

virsh vol-create-as far web 1M
virsh vol-upload web "$new" --pool far
virsh vol-info web far >/dev/null
waits web vol-clone web@1 web@current --pool far
waits web vol-upload web "$new" --pool far
waits web vol-resize web 2M --pool far
waits web vol-clone web web@named --pool far
waits other vol-create-as far other 1M
waits fresh/directory/volume vol-create-as far fresh/directory/volume 1M
waits other vol-delete other far
waits web vol-delete web far --delete-snapshots
expect_exactly "fresh/directory/volume there" eval "volumes far | xargs"
ok "what waits for the lock of its volume holds nothing else up: a replacement, an upload, a new volume"

done_testing
