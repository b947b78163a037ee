#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# vol-list --details asks for one volume and revision after the other. The daemon must not read their
# whole directory for each, but a few times for all, also while revisions come and go in it. Counted in
# bytes of directory entries.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states -- strace

REVISIONS=3
reflink_pool qubes "$dir/qubes"
mkdir "$pool/many"
ln -s v1.img "$pool/many/v1.img.7@2020-01-02T03:04:05Z" # a stranger's, which is never listed

# populate FROM TO: that many more volumes, with their revisions.
populate()
{
    local i j

    for ((i = $1; i <= $2; i++)); do
        truncate -s 64k "$pool/many/v$i.img"
        for ((j = 1; j <= REVISIONS; j++)); do
            truncate -s 64k "$pool/many/v$i.img.$j@2020-01-02T03:04:05Z"
        done
    done
    virsh pool-refresh qubes
}

# settle_dates: directories are dated by the tick of a clock, and so the daemon believes the list only
# when it is a little older.
settle_dates()
{
    sleep 0.3
    virsh pool-refresh qubes
}

# bytes_read COMMAND...: how many bytes of directory entries the daemon reads meanwhile.
bytes_read()
{
    local tracer

    strace -f -qq -e trace=getdents64 -o "$LAB/trace" -p "$LIBVIRTD_PID" &
    tracer=$!
    eventually 20 grep -q "^TracerPid:	$tracer" "/proc/$LIBVIRTD_PID/status"
    "$@" >"$LAB/output"
    kill -INT "$tracer"
    wait "$tracer" || true
    awk '/getdents64/ { bytes += $NF } END { print bytes + 0 }' "$LAB/trace"
}

# measure NUMBER: with so many volumes. Sets $quiet, and $changed for after a change of the directory.
measure()
{
    settle_dates
    quiet=$(bytes_read virsh vol-list qubes --details)
    [ "$(grep -c many/ "$LAB/output")" = $(($1 * (REVISIONS + 1))) ] || die "not all were listed"
    truncate -s 64k "$pool/many/v1.img.9@2020-01-02T03:04:05Z"
    sleep 0.3
    changed=$(bytes_read virsh vol-list qubes --details)
    expect many/v1@9 volumes qubes
    rm "$pool/many/v1.img.9@2020-01-02T03:04:05Z"
    virsh vol-info many/v1 qubes >/dev/null
    expect_not many/v1@9 volumes qubes
    once=$(bytes_read virsh pool-refresh qubes)
    echo "# $1 volumes of $REVISIONS revisions: vol-list --details reads $quiet bytes of directories," \
        "$changed after a change; a refresh $once"
    [ "$once" -gt 0 ] || die "a refresh reads nothing: the counter does not count"
}

# change_names FILE: makes and removes it until it is told to stop.
change_names()
{
    while :; do
        : >"$1"
        rm -f "$1"
    done
}

# measure_meanwhile NUMBER: while revisions of one of them come and go. Sets $busy.
measure_meanwhile()
{
    local changer

    change_names "$pool/many/v1.img.9@2020-01-02T03:04:05Z" &
    changer=$!
    busy=$(bytes_read virsh vol-list qubes --details)
    kill "$changer"
    wait "$changer" || true
    rm -f "$pool/many/v1.img.9@2020-01-02T03:04:05Z"
    [ "$(grep -c 'many/v[0-9]* ' "$LAB/output")" = "$1" ] || die "not all were listed"
    virsh vol-info many/v1 qubes >/dev/null
    expect_not many/v1@9 volumes qubes
    echo "# $busy bytes while revisions come and go"
}

populate 1 100
measure 100
[ "$quiet" -le $((2 * once)) ] || die "$quiet bytes, where one reading has $once"
[ "$changed" -le $((4 * once)) ] || die "$changed bytes after a change, where one reading has $once"
ok "100 volumes"

populate 101 400
measure 400
[ "$quiet" -le $((2 * once)) ] || die "$quiet bytes, where one reading has $once"
[ "$changed" -le $((4 * once)) ] || die "$changed bytes after a change, where one reading has $once"
ok "400 volumes: still no more than a few readings of the directory"

measure_meanwhile 400
[ "$busy" -le $((8 * once)) ] || die "$busy bytes while revisions come and go, where one reading has $once"
ok "nor while revisions come and go"

done_testing
