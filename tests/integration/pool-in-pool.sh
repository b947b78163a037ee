#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# No pool of any type reaches the inside of a reflink pool, by whatever path: libvirt's own functions would
# write in place there.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states -- mkfs.ext4 findmnt losetup

reflink_pool qubes "$pool"
virsh vol-create-as qubes web 1M
random_file "$LAB/data" 1M
virsh vol-upload web "$LAB/data" --pool qubes
eventually 20 test -e "$(image web -precache.img)"

# no_way_in PATH: nothing can be done there with a pool that is libvirt's own.
no_way_in()
{
    virsh pool-define-as inside dir --target "$1"
    refused "inside|active" "$pool" virsh pool-build inside
    refused "inside|active" "$pool" virsh pool-start inside
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
    refused "inside|active" "$pool" virsh $command
done
holds web "$LAB/data"
ln -sfn "$dir/plain" "$dir/links/moving"
virsh vol-wipe web.img moving
ok "a link that leads there later leads nowhere, and back it is a pool as before"

# The other way round: the inner one was there first.
reflink_pool inner "$dir/a/b"
virsh vol-create-as inner foo 1M
define_pool outer "$dir/a"
refused "inside & '$dir/a/b' & '$dir/a'" "$dir/a" virsh pool-build outer
ok "a reflink pool is not built around another one"

# One that was made so by other means.
cp "$dir/a/b/.reflink-pool.xml" "$dir/a/.reflink-pool.xml"
virsh pool-start outer
expect_exactly "" volumes outer
refused "pool" "$dir/a" virsh vol-create-as outer b/volumes/bar 1M
refused "pool" "$dir/a" "$STAGE_DIR/bin/virt-reflink" start "$dir/a" b/volumes/foo
ok "and what is the inner one's is not had by the outer one"

# --- pools of other types: what they mount, and what they are made of

truncate -s 16M "$dir/disk"
mkfs.ext4 -q "$dir/disk"

# outsider TYPE TARGET SOURCE [FORMAT [EXTRA]]: defines the pool "outsider".
outsider()
{
    local format=""

    [ -z "${4:-}" ] || format="<format type='$4'/>"
    echo "<pool type='$1' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><name>outsider</name>
        <source>$3$format</source><target><path>$2</path></target>${5:-}</pool>" >"$LAB/outsider.xml"
    virsh pool-define "$LAB/outsider.xml"
}

device()
{
    echo "<device path='$1'/>"
}

# nothing_starts REGEX: neither built nor started, and nothing is mounted.
nothing_starts()
{
    local before
    before=$(findmnt --noheadings --list --output TARGET)

    refused "$1" "$pool" virsh pool-build outsider
    refused "$1" "$pool" virsh pool-start outsider
    [ "$(findmnt --noheadings --list --output TARGET)" = "$before" ] || die "something was mounted"
    virsh pool-undefine outsider
}

for target in "$pool/volumes" "$pool/volumes/new/directory" "$dir/links/volumes"; do
    outsider fs "$target" "$(device "$dir/disk")" ext4
    nothing_starts "lies inside the reflink pool '$pool'"
    outsider netfs "$target" "<host name='127.0.0.1'/><dir path='/x'/>" nfs
    nothing_starts "lies inside the reflink pool '$pool'"
done
outsider fs "$pool" "$(device "$dir/disk")" ext4
refused "its file system would be mounted over the reflink pool '$pool', and hide it" "$pool" virsh pool-start outsider
mountpoint -q "$pool" && die "the pool is hidden"
virsh pool-undefine outsider
ok "no file system is mounted over or in a reflink pool"

web=$(image web)
outsider fs "$LAB/there" "$(device "$web")" ext4
nothing_starts "its source '$web' is a file in the reflink pool '$pool'"
outsider fs "$LAB/there" "$(device "$web")" ext4
refused "its source '$web' is a file in" "$pool" virsh pool-build outsider --overwrite
virsh pool-undefine outsider
outsider disk /dev "$(device "$dir/links/volumes/web.img")" gpt
nothing_starts "is a file in the reflink pool '$pool'"
holds web "$LAB/data"
ok "an image is not made, nor mounted as, a file system"

# Around a reflink pool another one may be, and change what is its own.
mkdir "$LAB/there"
outsider fs "$LAB/there" "$(device "$(findmnt --noheadings --output SOURCE --target "$dir" | sed 's/\[.*//')")" auto
virsh pool-start outsider
virsh vol-create-as outsider mine 1M
fails_with "'.reflink-pool.xml'" virsh vol-create-as outsider .reflink-pool.xml 4096
virsh vol-delete mine outsider
fails_with "" virsh vol-delete "$(basename "$pool")" outsider
virsh pool-destroy outsider
virsh pool-undefine outsider
holds web "$LAB/data"
if [ "$FS" = btrfs ]; then
    btrfs subvolume create "$pool/volumes/part" >/dev/null
    outsider fs "$LAB/there" "$(device "$(findmnt --noheadings --output SOURCE --target "$dir" | sed 's/\[.*//')")" auto \
        "<fs:mount_opts><fs:option name='subvol=${pool#"$dir"/}/volumes/part'/></fs:mount_opts>"
    fails_with "'$LAB/there' lies inside the reflink pool '$pool'" virsh pool-start outsider
    mountpoint -q "$LAB/there" && die "a part of the pool stays mounted"
    virsh pool-undefine outsider
    btrfs subvolume delete "$pool/volumes/part" >/dev/null
fi
ok "the file system that a reflink pool lies on may be another pool's, a part of the reflink pool may not"

# What mounts the pool itself may start, for the reflink pool needs it.
make_filesystem "$FS" "$LAB/own.fs" 512M
mount_filesystem "$LAB/own.fs" "$LAB/there"
reflink_pool own "$LAB/there"
virsh vol-create-as own foo 1M
virsh pool-destroy own
umount "$LAB/there"
own=$(losetup --find --show "$LAB/own.fs")
cleanup_fn losetup --detach "$own"
outsider fs "$LAB/there" "$(device "$own")" auto
virsh pool-start outsider
virsh pool-start own
for command in "vol-create-as outsider x 1M" "vol-delete volumes outsider" "pool-build outsider"; do
    # shellcheck disable=SC2086 # words
    refused "'$LAB/there' is a reflink pool|already active|is active|active" "$LAB/there" virsh $command
done
expect_exactly foo volumes own
virsh pool-destroy own
virsh pool-destroy outsider
virsh pool-undefine outsider
ok "what mounts a whole reflink pool changes no volume of it"

# The right to create a volume of a plain pool is none to make that another kind of pool.
mkdir "$LAB/plain"
stock_pool plain "$LAB/plain"
virsh vol-create-as plain x 1M
for name in .reflink-pool.xml .reflink-pool.xml~0a1b2c; do
    fails_with "'$name'" virsh vol-create-as plain "$name" 4096
    fails_with "'$name'" virsh vol-clone x "$name" --pool plain
done
expect_exactly x volumes plain
virsh pool-destroy plain
virsh pool-undefine plain
ok "a volume of a plain pool cannot be a marker"

# A reflink pool that is built around one that is active.
loop=$(losetup --find --show "$dir/disk")
cleanup_fn losetup --detach "$loop"
outsider fs "$dir/big/inner" "$(device "$loop")" ext4
virsh pool-build outsider
virsh pool-start outsider
virsh vol-create-as outsider x 1M
reflink_pool big "$dir/big"
for command in "vol-create-as outsider y 1M" "vol-delete x outsider" "vol-resize x 2M --pool outsider" \
    "vol-upload x $LAB/data --pool outsider" "vol-wipe x outsider" "vol-clone x y --pool outsider"; do
    # shellcheck disable=SC2086 # words
    refused "'$dir/big/inner' lies inside the reflink pool '$dir/big'" "$dir/big" virsh $command
done
lab_restart_libvirtd
expect x volumes outsider
virsh pool-destroy outsider
ok "one that is active before stays that, and changes nothing"

done_testing
