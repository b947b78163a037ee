#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# virt-reflink import: an image in another format becomes a volume, whole or not at all.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool -- qemu-img mkfifo python3 losetup
reflink_pool pool "$dir/pool" "<reflink:revisions keep='9'/>"
POOL=$dir/pool
cd "$LAB"

# A disk of 64 MiB: something at its beginning, in the middle and in its last sector.
truncate -s 64M disk.raw
for sector in 0 65535 131071; do
    echo "sector $sector" | dd of=disk.raw bs=512 seek=$sector conv=notrunc status=none
done
qemu-img convert -O qcow2 -c disk.raw disk.qcow2
qemu-img convert -O vmdk -o subformat=streamOptimized disk.raw disk.vmdk
qemu-img convert -O vmdk -o subformat=monolithicFlat disk.raw flat.vmdk
qemu-img convert -O vdi disk.raw disk.vdi
qemu-img convert -O vhdx disk.raw disk.vhdx
qemu-img convert -O vpc -o force_size disk.raw disk.vhd

# temporaries: of the pool.
temporaries()
{
    find "$POOL" -name '*~*'
}

# change_vhd NEW OFFSET HEX...: disk.vhd with other bytes in its header and footer.
change_vhd()
{
    python3 -c '
import sys
image = bytearray(open("disk.vhd", "rb").read())
for start in (0, len(image) - 512):
    part = image[start:start + 512]
    for at, new in zip(map(int, sys.argv[2::2]), map(bytes.fromhex, sys.argv[3::2])):
        part[at:at + len(new)] = new
    part[64:68] = bytes(4)
    part[64:68] = (~sum(part) & 0xffffffff).to_bytes(4, "big")
    image[start:start + 512] = part
open(sys.argv[1], "wb").write(image)' "$@"
}

for format in raw qcow2 vmdk vdi vhdx vhd; do
    expect "from-$format is made from disk.$format" tool import "disk.$format" pool "from-$format"
    expect "64.00 MiB" virsh vol-info "from-$format" pool
    cmp disk.raw "$POOL/volumes/from-$format.img"
    blocks=$(stat -c %b "$POOL/volumes/from-$format.img")
    [ "$blocks" -lt 2048 ] || die "$format: $blocks blocks are written for three sectors"
done
tool import --quiet --format qcow2 "$LAB/disk.qcow2" "$POOL" a/db
cmp disk.raw "$POOL/a/db.img"
tool import --quiet disk.qcow2 pool scratch@kind=direct
expect "direct" tool info pool scratch
ok "images of six formats become volumes with holes, which a running daemon knows at once"

# As VirtualBox makes it: with a geometry that is rounded down.
change_vhd vbox.vhd 28 76626f78 56 03c30811
tool import --quiet vbox.vhd pool vbox
cmp disk.raw "$POOL/volumes/vbox.img"
ok "a VHD has the size that it says, to its last sector"

truncate -s 1M other.raw
tool import --quiet other.raw pool a/db@current
expect_exactly 1048576 stat -c %s "$POOL/a/db.img"
cmp disk.raw "$POOL"/a/db.img.1@*
tool start pool a/db >/dev/null
refused "a/db" "$POOL" tool import disk.qcow2 pool a/db@current
tool stop pool a/db >/dev/null
ok "NAME@current gets a new content, and keeps the old one as a revision"

cp disk.qcow2 disk.img
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 overlay.qcow2
qemu-img create -q -f qcow2 -o data_file=data.raw outside.qcow2 1M
cp disk.qcow2 locked.qcow2
printf '\0\0\0\1' | dd of=locked.qcow2 bs=1 seek=32 conv=notrunc status=none # crypt_method
qemu-img convert -O vmdk disk.raw whole.vmdk
for file in disk.qcow2 whole.vmdk disk.vdi disk.vhdx disk.vhd; do # without its end, which has data
    head -c $(($(stat -c %s $file) * 2 / 3)) $file >cut-off.${file#*.}
done
change_vhd child.vhd 60 00000004
sed 's/^parentCID=ffffffff/parentCID=12345678/' disk.vmdk >child.vmdk
mkfifo pipe.qcow2
refused "disk.img & --format" "$POOL" tool import disk.img pool new
refused "'bochs'" "$POOL" tool import --format bochs disk.img pool new
refused "overlay.qcow2 & backing file" "$POOL" tool import overlay.qcow2 pool new
refused "outside.qcow2 & another file" "$POOL" tool import outside.qcow2 pool new
refused "flat.vmdk" "$POOL" tool import flat.vmdk pool new
sed "s|flat-flat.vmdk|$LAB/&|" flat.vmdk >absolute.vmdk
refused "absolute.vmdk & other files" "$POOL" tool import absolute.vmdk pool new
# Before anything that its descriptor names is opened.
refused "flat.vmdk & other files" "$POOL" env PATH=/nowhere "$STAGE_DIR/bin/virt-reflink" \
    import flat.vmdk pool new
refused "child.vmdk & differs" "$POOL" tool import child.vmdk pool new
refused "child.vhd & differencing" "$POOL" tool import child.vhd pool new
refused "locked.qcow2 & encrypted" "$POOL" tool import locked.qcow2 pool new
refused "disk.vdi & qcow2" "$POOL" tool import --format qcow2 disk.vdi pool new
refused "disk.qcow2 & vdi" "$POOL" tool import --format vdi disk.qcow2 pool new
for format in qcow2 vmdk vdi vhdx vhd; do
    refused "cut-off.$format" "$POOL" tool import "cut-off.$format" pool new
done
refused "pipe.qcow2" "$POOL" tool import pipe.qcow2 pool new
refused "none.qcow2" "$POOL" tool import none.qcow2 pool new
refused "from-raw & exists" "$POOL" tool import disk.qcow2 pool from-raw
refused "a/db@label" "$POOL" tool import disk.qcow2 pool a/db@label
refused "qemu-utils" "$POOL" env PATH=/nowhere "$STAGE_DIR/bin/virt-reflink" import disk.qcow2 pool new
expect_exactly "" temporaries
# What a user's link leads to would become his disk.
mkdir -m 755 theirs
ln -s "$POOL/a/db.img" theirs/db.raw
ln -s "$POOL/a" theirs/way
ln -s theirs/db.raw linked.raw
chown -h 12345 theirs theirs/*
refused "theirs/db.raw & link & realpath" "$POOL" tool import theirs/db.raw pool new
refused "theirs/way/db.img & link" "$POOL" tool import --format raw "$LAB/theirs/way/db.img" pool new
refused "linked.raw & link" "$POOL" tool import linked.raw pool new
cp disk.qcow2 theirs
chown 12345 theirs/disk.qcow2
ln -s theirs/disk.qcow2 linked.qcow2
tool import --quiet linked.qcow2 pool from-user
cmp disk.raw "$POOL/volumes/from-user.img"
expect "disk.img" tool import --format qcow2 disk.img pool by-format
cmp disk.raw "$POOL/volumes/by-format.img"
ok "what has no format, names another file or is broken is refused, and changes nothing"

# A process in the place of qemu-img tries to change the file in the middle.
mkdir bin
cat >bin/qemu-img <<'SCRIPT'
#!/bin/bash
if [ "$1" = convert ] && [ -e "$LAB/kill" ]; then
    kill -KILL $PPID
elif [ "$1" = convert ]; then
    python3 "$LAB/write"
fi
exec /usr/bin/qemu-img "$@"
SCRIPT
chmod 755 bin/qemu-img
export LAB
# with_other_program FILE: is imported so.
with_other_program()
{
    env PATH="$LAB/bin:$PATH" "$STAGE_DIR/bin/virt-reflink" import --format qcow2 "$1" pool new
}
echo 'import os; os.open(os.environ["LAB"] + "/disk.qcow2", os.O_WRONLY | os.O_NONBLOCK)' >write
refused "disk.qcow2 & changed" "$POOL" with_other_program disk.qcow2
touch kill
refused "" "$POOL" with_other_program disk.qcow2
rm kill
expect_exactly "" temporaries
ok "a file that another program opens to write meanwhile is no volume, nor is one whose import was killed"

# By a page that it has mapped a process could show qemu-img another header than us, and no date would tell.
python3 -c '
import mmap, sys, time
file = open("disk.qcow2", "r+b")
page = mmap.mmap(file.fileno(), 4096)
file.close()
open("mapped", "w")
time.sleep(600)' &
eventually 20 test -e mapped
refused "disk.qcow2 & python3 & open for writing" "$POOL" tool import disk.qcow2 pool new
kill $!
wait $! || true
ok "nor is one that a process has open, or mapped, to write"

# The pages of a file in memory alone stay there, and it is copied first: so what it becomes meanwhile does not matter.
memory=$(mktemp /dev/shm/import.XXXXXX)
cp disk.qcow2 "$memory"
echo "open('$memory', 'r+b').write(bytes(512))" >write
with_other_program "$memory"
cmp disk.raw "$POOL/volumes/new.img"
rm "$memory"
virsh vol-delete new pool >/dev/null
ok "a file that keeps pages in memory, which a process may still fill, is read as it was when it was checked"

# Of a device no lease tells: it is copied first.
device=$(losetup --find --show disk.qcow2)
exec 7<"$device" # the device goes when this is closed, however the test ends
losetup --detach "$device"
echo "open('$device', 'r+b').write(bytes(512))" >write
with_other_program "$device"
exec 7<&-
cmp disk.raw "$POOL/volumes/new.img"
expect_exactly "" temporaries
ok "a block device is read as it was when it was checked"

done_testing
