#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# What a pool is spared, and rid of: file systems that other hosts can write to.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states -- mountpoint

pool=$dir/qubes
reflink_pool qubes "$pool"

pool_is()
{
    [ "$(virsh pool-info "$1" | awk '$1 == "State:" { print $2 }')" = "$2" ]
}

# --- a file system that several hosts can mount

[ -c /dev/fuse ] || skip "needs /dev/fuse"
mkdir "$LAB/shared"
"$BUILD_DIR/tests/marker-fs" "$pool/.reflink-pool.xml" "$LAB/shared"
define_pool shared "$LAB/shared"
shared="'$LAB/shared' is on FUSE or virtiofs, which other hosts can have mounted as well"
fails_with "$shared" virsh pool-build shared
fails_with "$shared" virsh pool-start shared
pool_is shared inactive
define_pool inside "$LAB/shared/inside"
fails_with "inside" virsh pool-build inside
ok "what other hosts can mount is neither built nor started as a pool"

# As one that was made before this was refused: it is active, and domains run on it.
"$BUILD_DIR/tests/marker-fs" "$pool/.reflink-pool.xml" "$pool"
lab_restart_libvirtd
pool_is qubes running
pool_is shared inactive
grep -q "pool 'qubes': '$pool' is on FUSE or virtiofs" "$LAB/libvirtd.log"
lab_stop_libvirtd
rm -r /run/libvirt/storage # the host boots
lab_start_libvirtd
pool_is qubes inactive
fails_with "'$pool' is on FUSE" virsh pool-start qubes
umount "$pool"
virsh pool-start qubes
umount "$LAB/shared"
ok "one that is active already stays so for its domains, until it is stopped or the host boots"

done_testing
