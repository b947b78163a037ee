#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# No pool reaches the inside of a reflink pool, by whatever path: libvirt's own functions would write in
# place there.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states

reflink_pool qubes "$pool"
virsh vol-create-as qubes web 1M
random_file "$LAB/data" 1M
virsh vol-upload web "$LAB/data" --pool qubes
eventually 20 test -e "$(image web -precache.img)"

# no_way_in PATH: nothing can be done there with a pool that is libvirt's own.
no_way_in()
{
    virsh pool-define-as inside dir --target "$1"
    refused "lies inside the reflink pool|is that of the active pool 'qubes'" "$pool" virsh pool-build inside
    refused "lies inside the reflink pool|is that of the active pool 'qubes'" "$pool" virsh pool-start inside
    virsh pool-undefine inside
}

mkdir "$dir/links"
ln -s "$pool/volumes" "$dir/links/volumes"
ln -s "$pool" "$dir/links/pool"
ln -s volumes "$dir/links/twice"
no_way_in "$pool/volumes"
no_way_in "$dir/links/volumes"
no_way_in "$dir/links/twice"
no_way_in "$dir/links/pool"
no_way_in "$dir/links/pool/volumes"
ok "no pool can be started inside a reflink pool, nor through a symbolic link"

# A pool whose path leads elsewhere later.
mkdir "$dir/plain"
ln -s "$dir/plain" "$dir/links/moving"
stock_pool moving "$dir/links/moving"
for file in web.img web-dirty.img; do
    virsh vol-create-as moving $file 1M
    virsh vol-wipe $file moving
done
ln -sfn "$pool/volumes" "$dir/links/moving"
for command in "vol-wipe web.img moving" "vol-delete web.img moving" "vol-resize web.img 2M --pool moving" \
    "vol-create-as moving other.img 1M" "vol-upload web.img $LAB/data --pool moving" "pool-delete moving"; do
    # shellcheck disable=SC2086 # words
    refused "lies inside the reflink pool|is active|active" "$pool" virsh $command
done
holds web "$LAB/data"
ln -sfn "$dir/plain" "$dir/links/moving"
virsh vol-wipe web.img moving
ok "a link that leads there later leads nowhere, and back it is a pool as before"

# The other way round: the inner one was there first.
reflink_pool inner "$dir/a/b"
virsh vol-create-as inner foo 1M
define_pool outer "$dir/a"
refused "the reflink pool '$dir/a/b' lies inside '$dir/a'" "$dir/a" virsh pool-build outer
ok "a reflink pool is not built around another one"

# One that was made so by other means.
cp "$dir/a/b/.reflink-pool.xml" "$dir/a/.reflink-pool.xml"
virsh pool-start outer
expect_exactly "" volumes outer
refused "is a reflink pool of its own" "$dir/a" virsh vol-create-as outer b/volumes/bar 1M
refused "is a reflink pool of its own" "$dir/a" "$STAGE_DIR/bin/virt-reflink" start "$dir/a" b/volumes/foo
ok "and what is the inner one's is not had by the outer one"

done_testing
