#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Ten thousand revisions of one volume, and as many temporaries: everything still works, and takes no
# more than in proportion.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states many size=2G -- strace perl

reflink_pool qubes "$pool"
virsh vol-create-as qubes vm/disk 64K

tool()
{
    "$STAGE_DIR/bin/virt-reflink" "$@" >/dev/null
}

# look_at_volume VOLUME: the daemon's list of its revisions is made true; sets $daemon.
look_at_volume()
{
    local before

    virsh pool-refresh qubes
    sleep 0.3 # a directory is dated by the tick of a clock
    : >"$pool/vm/another" # so it looks again
    before=$(daemon_time)
    virsh vol-info "$1" qubes >"$LAB/info"
    daemon=$(($(daemon_time) - before))
}

files 0 1000 "$pool/vm/disk.img@r%d"
look_at_volume vm/disk
few=$daemon
files 1000 10000 "$pool/vm/disk.img@r%d"
look_at_volume vm/disk
not_worse "hundredths of the daemon for vol-info" "$few" "$daemon" 2
expect_exactly 10001 lines . volumes qubes
start=$(system_calls "$STAGE_DIR/bin/virt-reflink" start "$pool" vm/disk)
tool stop "$pool" vm/disk
echo "# system calls of a start with ten thousand revisions: $start"
[ "$start" -lt 2000 ]
virsh vol-delete vm/disk qubes --delete-snapshots
eventually 60 has_no_temporaries
[ -z "$(find "$pool/vm" -name 'disk*')" ]
ok "ten thousand named revisions"

# prune NUMBER: that many automatic revisions, of which a commit leaves one; sets $daemon.
prune()
{
    local before

    virsh vol-create-as qubes vm/disk 64K
    random_file "$LAB/data" 64K
    files 1 "$1" "$pool/vm/disk.img.%d@2018-01-02T03:04:05Z"
    files 0 "$1" "$pool/vm/disk.img~a0%04d"
    virsh pool-refresh qubes
    before=$(daemon_time)
    virsh vol-upload vm/disk "$LAB/data" --pool qubes
    eventually 60 has_no_temporaries
    daemon=$(($(daemon_time) - before))
    [ "$(find "$pool/vm" -name 'disk.img.*' -printf '%f\n' | sed 's/@.*//')" = "disk.img.$1" ]
    virsh vol-delete vm/disk qubes
}

prune 1000
few=$daemon
prune 10000
not_worse "hundredths of the daemon for an upload and pruning" "$few" "$daemon" 10
ok "ten thousand automatic revisions to be pruned, and as many temporaries to be removed"

done_testing
