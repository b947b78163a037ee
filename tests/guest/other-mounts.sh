#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A part of a pool that is mounted elsewhere is a part of the pool: to libvirt's own pools, and to
# domains. And an image at rest that another program has open for writing is left alone.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks states -- qemu-system-x86_64
kinds_make "$dir"
workers_done
part="$LAB/a part"
mkdir "$part"
mount --bind "$POOL/vm" "$part"
cleanup_fn umount "$part"
touch "$LAB/disk"
mount --bind "$POOL/vm/persistent.img" "$LAB/disk"
cleanup_fn umount "$LAB/disk"

# --- libvirt's own pools

virsh pool-define-as inside dir --target "$part"
refused "inside & '$POOL'" "$POOL" virsh pool-build inside
refused "inside & '$POOL'" "$POOL" virsh pool-start inside
virsh pool-undefine inside
define_pool inside "$part"
refused "inside & '$POOL'" "$POOL" virsh pool-build inside
mkdir "$dir/plain" "$LAB/plain"
mount --bind "$dir/plain" "$LAB/plain"
stock_pool plain "$LAB/plain"
virsh vol-create-as plain x.img 1M
virsh pool-destroy plain
umount "$LAB/plain"
ok "a pool of libvirt's own cannot be in a part of a reflink pool; elsewhere a bind mount is fine"

# --- domains

for path in "$part/persistent.img" "$LAB/disk"; do
    define_disks "$(disk file "file='$path'")"
    refused "'vm/persistent' & at rest" "$POOL" \
        virsh start vm
done
disks=()
for kind in persistent snapshot volatile direct; do
    disks+=("$(disk file "file='$part/$kind-dirty.img'")")
done
define_disks "${disks[@]}"
kinds_start_idle
expect_exactly "1 101 1 1" kinds_counts
virsh destroy vm
kinds_committed 1
ok "a domain's disks there are volumes of the pool, and images at rest are refused"

# --- an image that is written to

exec 9<>"$POOL/vm/persistent.img"
refused "process [0-9]* \(bash, & 'persistent.img' & open" "$POOL" \
    virsh start vm
refused "'persistent.img' & open" "$POOL" virsh vol-clone vm/persistent vm/copy --pool pool
refused "'persistent.img' & open" "$POOL" \
    virsh vol-clone vm/persistent@1 vm/persistent@current --pool pool
refused "'persistent.img' & open" "$POOL" virsh vol-resize vm/persistent 2M --pool pool
refused "'persistent.img' & open" "$POOL" virsh vol-delete vm/persistent --pool pool
exec 9>&-
kinds_start_idle
exec 9<>"$POOL/vm/persistent.img"
virsh destroy vm
[ -e "$POOL/vm/persistent-dirty.img" ] || die "committed over an image that is written to"
"$STAGE_DIR/bin/virt-reflink" info "$POOL" vm/persistent | grep -q "^written to .*the clean image, by process" ||
    die "info does not say who"
exec 9>&-
workers_done
kinds_committed 2
ok "a clean image that a program has open for writing is left alone; the end waits for that"

no_temporary
done_testing
