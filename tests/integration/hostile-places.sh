#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Mount points inside of a pool: another file system, one without what a pool needs, and the pool's
# own seen twice. What works there works; what cannot says so and leaves nothing; a mount point is never
# removed, and what is mounted stays as it is.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states hostile size=512M "other=$FS" later -- getfattr timeout
requires_filesystem ext4
old=$(lab_filesystem ext4 64M old)
lab_start_libvirtd
sentinel_make "$dir/outside"

reflink_pool qubes "$pool"
random_file "$LAB/data" 64K
virsh vol-create-as qubes vm/disk 64K
virsh vol-upload vm/disk "$LAB/data" --pool qubes
mkdir "$pool/other" "$pool/old" "$pool/ram" "$pool/same" "$pool/outside"
mount --bind "$other" "$pool/other"
mount --bind "$old" "$pool/old"
mount -t tmpfs none "$pool/ram"
mount --bind "$pool/vm" "$pool/same"
mount --bind -o ro "$SENTINEL" "$pool/outside"
sentinel_note

tool()
{
    timeout -k 1 20 "$STAGE_DIR/bin/virt-reflink" "$1" "$pool" "$2"
}

virsh pool-refresh qubes
expect same/disk volumes qubes
expect vm/disk volumes qubes
expect outside/directory/disk volumes qubes
ok "volumes are listed through mounts"

# --- another file system with reflinks

virsh vol-create-as qubes other/disk 64K
virsh vol-upload other/disk "$LAB/data" --pool qubes
tool start other/disk >/dev/null
echo written | dd of="$pool/other/disk-dirty.img" conv=notrunc status=none
tool stop other/disk >/dev/null
grep -q -a '^written' "$pool/other/disk.img"
virsh vol-clone other/disk other/copy --pool qubes
refused "'vm/copy' & reflink" "$pool" virsh vol-clone other/disk vm/copy --pool qubes
create_snapshot qubes other/snapshot "$pool/vm/disk.img"
fails_with "'other/snapshot' & reflink" tool start other/snapshot
[ ! -e "$pool/other/snapshot-dirty.img" ]
for name in other/copy other/disk other/snapshot; do
    virsh vol-delete $name qubes
done
eventually 10 has_no_temporaries
[ -z "$(find "$other" -type f)" ]
mountpoint -q "$pool/other"
ok "volumes live on another file system, and are not shared with it"

# --- file systems that cannot

for place in old ram; do
    virsh vol-create-as qubes $place/disk 64K 2>"$LAB/said" || cat "$LAB/said"
    if [ -e "$pool/$place/disk.img" ]; then
        fails_with "'$place/disk'" tool start $place/disk
        [ ! -e "$pool/$place/disk-dirty.img" ]
        virsh vol-delete $place/disk qubes
    else
        grep -q "'$place/disk'" "$LAB/said" || die "$(cat "$LAB/said")"
    fi
    eventually 10 has_no_temporaries
    [ -z "$(find "$pool/$place" -type f)" ]
    mountpoint -q "$pool/$place"
done
ok "what has no reflinks or attributes is refused where they are needed, and nothing is left"

# --- the same directory twice

[ "$(stat -c %i "$pool/same/disk.img")" = "$(stat -c %i "$pool/vm/disk.img")" ]
tool start vm/disk >/dev/null
exec 6<>"$pool/vm/disk-dirty.img"
echo mine >&6
fails_with "'same/disk'" tool start same/disk
fails_with "'same/disk'" virsh vol-delete same/disk qubes
exec 6>&-
tool stop same/disk >/dev/null || tool stop vm/disk >/dev/null
[ ! -e "$pool/vm/disk-dirty.img" ]
grep -q -a '^mine' "$pool/vm/disk.img"
ok "a volume that is seen twice runs once"

# --- what may only be read

fails_with "'outside/directory/disk' & Read-only file system|no attributes of the pool" tool start outside/directory/disk
fails_with "'outside/directory/new' & Read-only file system" virsh vol-create-as qubes outside/directory/new 64K
fails_with "outside & Read-only file system|no attributes of the pool" virsh vol-delete outside/directory/disk qubes
fails_with "outside & Read-only file system|no attributes of the pool" virsh vol-resize outside/directory/disk 128K --pool qubes
sentinel_unchanged
ok "what is mounted read-only stays as it is, and messages say so"

virsh pool-destroy qubes
fails_with "volumes|not empty" virsh pool-delete qubes
for place in other old ram same outside; do
    mountpoint -q "$pool/$place"
    umount "$pool/$place"
done
virsh pool-start qubes
expect_exactly "vm/disk" sh -c "virsh -q -c qemu:///system vol-list qubes | awk 'NF && !/@/ { print \$1 }'"
ok "no mount point is removed"

done_testing
