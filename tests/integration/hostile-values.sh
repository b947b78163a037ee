#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Dates, sizes, flags, modes, access control lists and attributes that an image can have and should
# not: what can be done is done right, and what cannot says why and has changed nothing.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=512M -- chattr setfattr getfattr setpriv timeout

reflink_pool qubes "$pool" "<reflink:revisions keep='20'/>"
virsh vol-create-as qubes vm/disk 64K
clean=$pool/vm/disk.img dirty=$pool/vm/disk-dirty.img

# write_dirty TEXT, is_clean TEXT
write_dirty()
{
    printf '%s' "$1" | dd of="$dirty" conv=notrunc status=none
}

is_clean()
{
    [ "$(head -c ${#1} "$clean")" = "$1" ] || die "the clean image is not '$1'"
}

tool()
{
    timeout -k 1 20 "$STAGE_DIR/bin/virt-reflink" "$1" "$pool" vm/disk
}

# --- dates

number=1
for date in -2147483648 0 1 4102444800 16000000000 253402300799 253402300800 9223372036; do
    touch -d "@$date" "$clean" 2>/dev/null || continue
    tool start >/dev/null
    write_dirty "date $date"
    tool stop >/dev/null
    is_clean "date $date"
    virsh pool-refresh qubes
    expect "vm/disk@$number" volumes qubes
    virsh vol-dumpxml "vm/disk@$number" qubes >"$LAB/xml"
    number=$((number + 1))
done
echo "# $((number - 1)) dates"
[ $number -gt 6 ]
[ -z "$(find "$pool/vm" -name 'disk.img.*' ! -regex '.*/disk\.img\.[0-9]+@[0-9-]+T[0-9:]+Z')" ]
virsh vol-clone vm/disk@2 vm/disk@current --pool qubes
is_clean "date -2147483648"
ok "images from before 1970 and after 9999"

# --- sizes

virsh vol-create-as qubes vm/huge 64K
truncate -s 9223372036854775807 "$pool/vm/huge.img" 2>/dev/null || truncate -s 8191P "$pool/vm/huge.img"
size=$(stat -c %s "$pool/vm/huge.img")
virsh pool-refresh qubes
expect_exactly "$size" field Capacity virsh vol-info vm/huge qubes --bytes
virsh vol-clone vm/huge vm/copy --pool qubes
[ "$(stat -c %s "$pool/vm/copy.img")" = "$size" ]
timeout 20 "$STAGE_DIR/bin/virt-reflink" start "$pool" vm/huge >/dev/null
timeout 20 "$STAGE_DIR/bin/virt-reflink" stop "$pool" vm/huge >/dev/null
virsh vol-clone vm/huge vm/huge@label --pool qubes
refused "vm/huge|[Oo]verflow|too large" "$pool" virsh vol-resize vm/huge 18446744073709551615 --pool qubes
available=$(field Available virsh pool-info qubes --bytes)
[ "$available" -lt 536870912 ]
virsh vol-delete vm/huge qubes --delete-snapshots
virsh vol-delete vm/copy qubes
echo "# an image of $size bytes"
ok "an image of eight exbibytes"

truncate -s 8191P "$pool/vm/disk.volume.xml"
timeout 20 virsh -q -c qemu:///system pool-refresh qubes
expect "<name>vm/disk</name>" virsh vol-dumpxml vm/disk qubes
rm "$pool/vm/disk.volume.xml"
cp -a "$pool/.reflink-pool.xml" "$LAB/marker"
truncate -s 8191P "$pool/.reflink-pool.xml"
fails_with "[0-9]+ bytes" timeout 20 virsh -q -c qemu:///system vol-create-as qubes vm/new 1M
fails_with "[0-9]+ bytes" timeout 20 "$STAGE_DIR/bin/virt-reflink" list "$pool"
cp -a "$LAB/marker" "$pool/.reflink-pool.xml"
virsh pool-refresh qubes
ok "records and markers without end are not read to the end"

# --- flags

# start_write TEXT: a run that writes that.
start_write()
{
    tool start >/dev/null
    write_dirty "$1"
}

start_write "flag clean"
chattr +i "$clean"
before=$(find "$pool" | sort)
fails_with "'vm/disk' & Operation not permitted" tool stop
[ "$(find "$pool" | sort)" = "$before" ] || die "other files than before"
chattr -i "$clean"
tool stop >/dev/null
is_clean "flag clean"
ok "a clean image that may not be changed stops a commit, and the dirty image stays"

start_write "flag dirty"
for flag in i a; do
    chattr +$flag "$dirty"
    fails_with "'vm/disk' & Operation not permitted" tool stop
    [ -e "$dirty" ]
    is_clean "flag clean"
    chattr -$flag "$dirty"
done
tool stop >/dev/null
is_clean "flag dirty"
start_write "flag directory"
chattr +i "$pool/vm"
fails_with "'vm/disk' & Operation not permitted" tool stop
fails_with "'vm/new' & Operation not permitted" virsh vol-create-as qubes vm/new 1M
fails_with "'vm/disk' & Operation not permitted" virsh vol-delete vm/disk@1 qubes
chattr -i "$pool/vm"
tool stop >/dev/null
is_clean "flag directory"
chattr +i "$pool/vm"
fails_with "'vm/disk' & Operation not permitted" tool start
chattr -i "$pool/vm"
tool start >/dev/null
tool stop >/dev/null
is_clean "flag directory"
ok "so does a dirty image or a directory that may not"

# --- modes, lists, attributes

chmod 7777 "$clean"
chown 1000:1000 "$clean"
virsh pool-refresh qubes
volume_document vm/copy 0 >"$LAB/copy.xml"
virsh vol-create-from qubes "$LAB/copy.xml" vm/disk --inputpool qubes
[ "$(stat -c '%a %u %g' "$pool/vm/copy.img")" = "600 0 0" ]
for name in vm/clone vm/disk@modes; do # virsh asks for what it sees of the source
    virsh vol-clone vm/disk $name --pool qubes
done
[ "$(stat -c '%a' "$pool/vm/clone.img")" = 777 ]
[ "$(stat -c '%a' "$pool/vm/disk.img@modes")" = 777 ]
tool start >/dev/null
[ "$(stat -c '%a' "$dirty")" = 777 ]
tool stop >/dev/null
virsh vol-clone vm/copy vm/disk@current --pool qubes
[ "$(stat -c '%a' "$clean")" = 777 ]
chown 0:0 "$clean"
chmod 600 "$clean"
virsh vol-delete vm/copy qubes
virsh vol-delete vm/clone qubes
ok "copies are their maker's, and no image comes out setuid"

# Its default list gives user 1000 all rights to what is made in the directory.
setfattr -n system.posix_acl_default -v \
    0x0200000001000700ffffffff02000700e803000004000000ffffffff10000700ffffffff20000000ffffffff "$pool/vm"
virsh vol-create-as qubes vm/private 64K
virsh vol-clone vm/disk vm/copy --pool qubes
tool start >/dev/null
: >"$pool/vm/probe"
chmod 660 "$pool/vm/probe"
as_other()
{
    setpriv --reuid 1000 --regid 1000 --clear-groups "$@" 2>/dev/null
}
as_other head -c 1 "$pool/vm/probe" || die "the list does nothing"
for file in private.img copy.img disk-dirty.img; do
    ! as_other head -c 1 "$pool/vm/$file" || die "user 1000 can read $file"
    ! as_other truncate -s 0 "$pool/vm/$file" || die "user 1000 can write $file"
done
tool stop >/dev/null
setfattr -x system.posix_acl_default "$pool/vm"
rm "$pool/vm/probe"
ok "a default list of the directory opens no image to anybody"

for number in {1..100}; do
    setfattr -n "user.flood.$number" -v "$(printf 'x%.0s' {1..1000})" "$clean" 2>/dev/null || break
done
flooded=$(getfattr --absolute-names -d "$clean" | grep -c flood)
echo "# $flooded attributes of somebody else's"
[ "$flooded" -gt 2 ]
virsh pool-refresh qubes
virsh vol-clone vm/disk vm/flooded --pool qubes
start_write "flooded"
for file in "$dirty" "$pool/vm/flooded.img"; do
    [ "$(getfattr --absolute-names -d "$file" | grep -c flood || true)" = 0 ] || die "$file has them, too"
done
for number in {1..100}; do
    setfattr -n "user.flood.$number" -v "$(printf 'x%.0s' {1..1000})" "$dirty" 2>/dev/null || break
done
tool stop >/dev/null
is_clean flooded
tool start >/dev/null
tool stop >/dev/null
is_clean flooded
eventually 10 has_no_temporaries
ok "an image with attributes in plenty is one like others"

done_testing
