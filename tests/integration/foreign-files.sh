#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A pool directory is a directory that others write to as well. Whatever lies in it, the pool
# starts, lists its volumes, and leaves the rest alone.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool -- perl

reflink_pool qubes "$pool"
virsh vol-create-as qubes web1 1M
virsh vol-create-as qubes a/b/disk 1M
virsh vol-clone a/b/disk a/b/disk@label --pool qubes
create_snapshot qubes a/b/snap "$pool/a/b/disk.img"
all=$(volumes qubes)

# refreshes EXPECTED: refresh, start and the daemon's restart all list that, and change nothing.
refreshes()
{
    local before

    before=$(listing "$pool")
    virsh pool-refresh qubes
    expect_exactly "$1" volumes qubes
    virsh pool-destroy qubes
    virsh pool-start qubes
    expect_exactly "$1" volumes qubes
    same_listing "$pool" "$before"
}

# --- what is no image

: >"$pool/README"
: >"$pool/stray.img"
: >"$pool/a/notes.txt"
: >"$pool/a/b/.hidden.img"
: >"$pool/a/b/backup.qcow2"
: >"$pool/a/b/disk.img~"
: >"$pool/a/b/disk.img.bak"
: >"$pool/a/b/disk.img.3"
: >"$pool/a/b/disk.img.3@yesterday"
: >"$pool/a/b/disk.img.03@2018-01-02T03:04:05Z"
: >"$pool/a/b/disk.img.99999999999999999999@2018-01-02T03:04:05Z"
: >"$pool/a/b/disk.img@"
: >"$pool/a/b/disk.img@.."
: >"$pool/a/b/disk.img@7"
: >"$pool/a/b/disk.img@current"
: >"$pool/a/b/disk.img@with space"
: >"$pool/a/b/.img"
: >"$pool/a/b/-dirty.img"
: >"$pool/a/b/x-dirty-dirty.img"
: >"$pool/a/b/we@ird.img"
: >"$pool/a/b/ti~lde.img"
mkdir -p "$pool/.hidden" "$pool/lost+found" "$pool/a/we@ird" "$pool/a/empty"
: >"$pool/.hidden/disk.img"
: >"$pool/a/we@ird/disk.img"
refreshes "$all"
ok "files and directories that are not named as ours are no volumes"

# --- what is no file

(cd "$pool/a/b" && perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket.img", Listen => 1)')
[ -S "$pool/a/b/socket.img" ]
mkfifo "$pool/a/b/fifo.img" "$pool/a/b/fifo-dirty.img" "$pool/a/b/disk.img.1@2018-01-02T03:04:05Z"
mknod "$pool/a/b/null.img" c 1 3
mkdir "$pool/a/b/directory.img" "$pool/a/b/directory-dirty.img" "$pool/a/b/disk.img@directory"
: >"$pool/a/b/directory.img/inside.img"
truncate -s 1M "$dir/outside.img"
ln -s "$dir/outside.img" "$pool/a/b/link.img"
ln -s disk.img "$pool/a/b/second-dirty.img"
ln -s loop.img "$pool/a/b/loop.img"
ln -s "$dir" "$pool/a/away"
ln -s .. "$pool/a/b/up"
refreshes "$all"
ok "neither are sockets, fifos, devices, directories and symbolic links that are"

fails_with "link" virsh vol-create-as qubes a/b/link 1M
fails_with "up" virsh vol-create-as qubes a/b/up/disk 1M
[ "$(stat -c %s "$dir/outside.img")" = 1048576 ]
ok "and no link leads out of the pool"

# --- names

: >"$pool/a/b/"$'new\nline.img'
: >"$pool/a/b/"$'\xff\xfe.img'
: >"$pool/a/b/"$'bell\a-dirty.img'
: >"$pool/a/b/<name>&amp;.img"
: >"$pool/a/b/$(printf 'x%.0s' {1..251}).img"
: >"$pool/a/b/$(printf 'y%.0s' {1..209}).img"
mkdir "$pool/a/"$'\xff' "$pool/a/"$'li\nne'
: >"$pool/a/"$'\xff/disk.img'
: >"$pool/a/"$'li\nne/disk.img'
deep=$pool/1/2/3/4/5/6/7
mkdir -p "$deep/8"
: >"$deep/eighth.img"
: >"$deep/8/ninth.img"
new=$(printf '%s\n' "$all" '<name>&amp;' "a/b/$(printf 'y%.0s' {1..209})" 1/2/3/4/5/6/7/eighth |
    sed 's|^<|a/b/<|' | sort)
refreshes "$new"
expect "a/b/&lt;name&gt;&amp;amp;" virsh vol-dumpxml "a/b/<name>&amp;" qubes
virsh vol-delete "a/b/<name>&amp;" qubes
virsh vol-delete "a/b/$(printf 'y%.0s' {1..209})" qubes
virsh vol-delete 1/2/3/4/5/6/7/eighth qubes
ok "names that no volume can have are passed over, and unusual ones are not"

# --- images and records that are out of order

: >"$pool/a/b/empty.img"
truncate -s 1M "$pool/a/b/secret.img"
chmod 000 "$pool/a/b/secret.img"
ln "$pool/a/b/disk.img" "$pool/a/b/twin.img"
echo "<volume" >"$pool/a/b/damaged.volume.xml"
truncate -s 1M "$pool/a/b/damaged.img"
head -c 1M /dev/zero >"$pool/a/b/zeros.volume.xml"
mkfifo "$pool/a/b/pipe.volume.xml"
ln -s /etc/passwd "$pool/a/b/passwd.volume.xml"
mkdir "$pool/a/b/folder.volume.xml"
sed 's|disk|nowhere|' "$pool/a/b/snap.volume.xml" >"$pool/a/b/homeless.volume.xml"
expect_not disk cat "$pool/a/b/homeless.volume.xml"
new=$(printf '%s\n' "$all" a/b/empty a/b/secret a/b/twin a/b/damaged a/b/homeless | sort)
refreshes "$new"
for name in empty secret twin damaged homeless snap disk; do
    expect "<name>a/b/$name</name>" virsh vol-dumpxml "a/b/$name" qubes
done
expect "Capacity:       1.00 MiB" virsh vol-info a/b/secret qubes
expect "Capacity:       1.00 MiB" virsh vol-info a/b/damaged qubes
ok "an image is listed with a damaged record too; a record alone has to be a good one"

# --- places

mkdir "$pool/inner" "$pool/mounted"
cp "$pool/.reflink-pool.xml" "$pool/inner/"
: >"$pool/inner/disk.img"
mkdir "$pool/inner/a"
: >"$pool/inner/a/disk.img"
mount -t tmpfs none "$pool/mounted"
: >"$pool/mounted/disk.img"
refreshes "$(printf '%s\n' "$new" mounted/disk | sort)"
umount "$pool/mounted"
ok "another pool inside is not looked into, and another file system does no harm"

# --- many

mkdir "$pool/junk"
(cd "$pool/junk" && touch junk{1..1000} {1..1000}.img.old)
refreshes "$new"
virsh vol-create-as qubes junk/disk 1M
virsh vol-delete junk/disk qubes
[ "$(find "$pool/junk" -type f | wc -l)" = 2000 ]
ok "two thousand files of others do no harm, and stay"

lab_restart_libvirtd
expect_exactly "$new" volumes qubes
ok "a daemon that starts lists the same"

done_testing
