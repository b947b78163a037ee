#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Pools that cannot be: each is refused with a message that names what is wrong, and nothing is
# left behind.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool
requires_filesystem ext4

# --- options

# bad_options REGEX OPTIONS: neither defined nor created.
bad_options()
{
    pool_document bad "$dir/bad" "$2" >"$LAB/bad.xml"
    refused "XML error & $1" "$dir" virsh pool-define "$LAB/bad.xml"
    refused "XML error & $1" "$dir" virsh pool-create "$LAB/bad.xml" --build
    fails_with "no storage pool" virsh pool-info bad
}

bad_options "<reflink:revision>" "<reflink:revision keep='3'/>"
bad_options "<reflink:options>" "<reflink:options/>"
bad_options "<revisions>" "<revisions keep='3'/>"
bad_options "second & <reflink:revisions>" "<reflink:revisions keep='3'/><reflink:revisions keep='4'/>"
bad_options "text & <reflink:options>" "stray words"
ok "an element that the namespace does not know is refused by name"

bad_options "kep & <reflink:revisions>" "<reflink:revisions kep='3'/>"
bad_options "from & <reflink:fallback>" "<reflink:fallback copy='yes' from='now'/>"
bad_options "colour & <reflink:volume>" "<reflink:volume match='*' kind='volatile' colour='red'/>"
bad_options "match & <reflink:volume>" "<reflink:volume kind='volatile'/>"
ok "so is an attribute, and one that is missing"

for keep in -1 many 1.5 100001 18446744073709551617 " " ""; do
    bad_options "keep='$keep' & <reflink:revisions>" "<reflink:revisions keep='$keep'/>"
done
bad_options "copy='maybe'" "<reflink:fallback copy='maybe'/>"
bad_options "kind='eternal'" "<reflink:volume match='*' kind='eternal'/>"
bad_options "kind='snapshot'" "<reflink:volume match='*' kind='snapshot'/>"
bad_options "match & <reflink:volume>" "<reflink:volume match='' kind='volatile'/>"
ok "so is a value that makes no sense"

sed -i 's/:1.0/:2.0/' "$LAB/bad.xml"
refused "'[a-z:-]*:2.0'" "$dir" virsh pool-define "$LAB/bad.xml"
ok "so is another version of the namespace"

# --- a file system without reflinks

ext4=$(lab_filesystem ext4 64M ext4)
define_pool poor "$ext4/deep/pool"
refused "$ext4/deep/pool' & reflinks & <reflink:fallback copy='yes'/>" "$ext4" \
    virsh pool-build poor
mkdir "$ext4/tree"
define_pool tree "$ext4/tree"
refused "reflinks" "$ext4" virsh pool-build tree
virsh pool-undefine tree
virsh pool-undefine poor
pool_document poor "$ext4/poor" >"$LAB/poor.xml"
refused "reflinks" "$ext4" virsh pool-create "$LAB/poor.xml" --build
fails_with "no storage pool" virsh pool-info poor
ok "a file system without reflinks is refused, with the option that would allow it"

reflink_pool poor "$ext4/poor" "<reflink:fallback copy='yes'/>"
virsh vol-create-as poor web 1M
virsh vol-clone web copy --pool poor
expect_exactly $'copy\nweb' volumes poor
ok "with that option it is taken, and copies"

mkdir "$LAB/tmpfs"
mount -t tmpfs none "$LAB/tmpfs"
define_pool memory "$LAB/tmpfs/pool" "<reflink:fallback copy='yes'/>"
if setfattr -n trusted.libvirt-reflink.probe -v 1 "$LAB/tmpfs" 2>/dev/null; then
    virsh pool-build memory
else
    refused "attributes" "$LAB/tmpfs" virsh pool-build memory
fi
virsh pool-undefine memory
mount -o remount,ro "$LAB/tmpfs"
define_pool memory "$LAB/tmpfs/other"
refused "'$LAB/tmpfs/other' & Read-only" "$LAB/tmpfs" virsh pool-build memory
ok "a file system that is read-only is refused"

# --- targets

# bad_target REGEX PATH: it can be neither built nor started.
bad_target()
{
    define_pool bad "$2"
    refused "$1" "$dir" virsh pool-build bad
    refused "open|not built|inside" "$dir" virsh pool-start bad
    virsh pool-undefine bad
}

echo "a letter" >"$dir/file"
mkdir "$dir/directory"
ln -s directory "$dir/symlink"
ln -s nowhere "$dir/dangling"
mkfifo "$dir/fifo"
bad_target "'$dir/file' & directory" "$dir/file"
bad_target "'$dir/file" "$dir/file/below"
bad_target "'$dir/fifo' & directory" "$dir/fifo"
chown -h 1234 "$dir/symlink"
bad_target "'$dir/symlink' & link & 1234" "$dir/symlink"
bad_target "'$dir/dangling' & link" "$dir/dangling"
ok "a target that is a file, a fifo, somebody's symbolic link or one to nowhere is refused"

define_pool bad "$dir/missing/below"
refused "'$dir/missing/below'" "$dir" virsh pool-start bad
refused "below & No such file" "$dir" virsh pool-delete bad
virsh pool-build bad
[ -f "$dir/missing/below/.reflink-pool.xml" ]
virsh pool-delete bad
virsh pool-undefine bad
ok "a target that is missing is made by the build alone"

# --- pools in pools

reflink_pool outer "$dir/outer"
virsh vol-create-as outer a/b/web 1M
for inside in inner a a/inner volumes; do
    bad_target "'$dir/outer/$inside' lies inside the reflink pool '$dir/outer'" "$dir/outer/$inside"
done
mkdir "$dir/outer/made"
bad_target "lies inside the reflink pool" "$dir/outer/made"
ok "a reflink pool inside of another one is refused"

virsh pool-define-as plain dir --target "$dir/outer/made"
refused "inside & '$dir/outer'" "$dir" virsh pool-start plain
refused "inside & '$dir/outer'" "$dir" virsh pool-build plain
lab_restart_libvirtd
expect_not running virsh pool-info plain
virsh pool-undefine plain
virsh pool-define-as plain dir --target "$dir/outer/none"
refused "inside & '$dir/outer'" "$dir" virsh pool-build plain
ok "so is a plain pool there, also by a daemon that starts"

# --- markers

virsh pool-destroy outer
echo "<nonsense" >"$dir/outer/.reflink-pool.xml"
fails_with ".reflink-pool.xml" virsh pool-start outer
echo "<options xmlns='urn:libvirt-reflink:storagepool:1.0'><rumour/></options>" \
    >"$dir/outer/.reflink-pool.xml"
fails_with "rumour" virsh pool-start outer
chmod 666 "$dir/outer/.reflink-pool.xml"
fails_with "trusted" virsh pool-start outer
rm "$dir/outer/.reflink-pool.xml"
mkdir "$dir/outer/.reflink-pool.xml"
fails_with "trusted" virsh pool-start outer
rmdir "$dir/outer/.reflink-pool.xml"
virsh pool-build outer
virsh pool-start outer
expect_exactly a/b/web volumes outer
ok "a marker that is damaged, or that anybody may write, is none; a build writes it anew"

done_testing
