#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink init and adopt: a directory becomes a pool, with what lies in it.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest -- python3 virt-xml qemu-img strace

# --- init

printf '%s' "<pool type='dir' xmlns:reflink='urn:libvirt-reflink:storagepool:1.0'>
  <name>other</name>
  <target>
    <path>$dir/a/vms</path>
  </target>
  <reflink:options>
    <reflink:revisions keep='7'/>
  </reflink:options>
</pool>" >"$LAB/wanted"
(cd "$dir" && tool init --keep 7 --name other a/vms) >"$LAB/vms.xml"
diff "$LAB/wanted" <(head -c -1 "$LAB/vms.xml") || die "init prints another definition"
tool validate "$LAB/vms.xml" >/dev/null
virsh pool-define "$LAB/vms.xml"
virsh pool-start other
virsh vol-create-as other web 1M
expect "web  " tool list "$dir/a/vms"
mark=$(grep -o 'reflink-mark [0-9a-f]*' "$dir/a/vms/.reflink-pool.xml")
expect "<name>vms</name>" tool init "$dir/a/vms"
expect "keep='7'" tool init "$dir/a/vms"
[ "$(grep -o 'reflink-mark [0-9a-f]*' "$dir/a/vms/.reflink-pool.xml")" = "$mark" ] || die "another mark"
expect "web  " tool list "$dir/a/vms"
ok "init makes a pool, and prints what virsh pool-define takes; a pool stays what it is"

# Otherwise revisions would be pruned that its own options keep.
tool init -q --keep 7 "$dir/unread"
cp -p "$dir/unread/.reflink-pool.xml" "$LAB/good"
for what in "chown 65534:65534 MARKER" "sed -i s/revisions/visions/ MARKER" "rm MARKER"; do
    cp -p "$LAB/good" "$dir/unread/.reflink-pool.xml"
    ${what//MARKER/$dir/unread/.reflink-pool.xml}
    refused "$dir/unread" "$dir/unread" tool init --copy "$dir/unread"
    refused "$dir/unread" "$dir/unread" tool adopt --yes "$dir/unread"
done
ok "a pool whose options cannot be read does not get others"

expect "Pool third is defined in libvirt, and active." tool init --define third "$dir/third"
virsh vol-create-as third web 1M
expect_exactly web volumes third
expect third virsh pool-list --name --autostart
expect "It was active before" tool init --define third --keep 3 "$dir/third"
virsh pool-destroy third
virsh pool-start third
expect "keep='3'" virsh pool-dumpxml third
fails_with "another pool & 'third'" tool init --define third "$dir/fourth"
[ ! -e "$dir/fourth" ] || die "a pool was made for nothing"
# What the marker alone says holds until the daemon is started the next time.
refused "'third' & --define third" "$dir/third" tool init --keep 30 "$dir/third"
refused "'third' & --define third" "$dir/third" tool adopt --yes --keep 30 "$dir/third"
tool init -q "$dir/third"
virsh pool-dumpxml third | sed "s/keep='3'/keep='30'/" >"$LAB/edited.xml"
virsh pool-define "$LAB/edited.xml"
tool init -q "$dir/third"
refused "'third' & not in force & pool-start" "$dir/third" tool init --define third "$dir/third"
expect "keep='30'" virsh pool-dumpxml --inactive third
virsh pool-destroy third
virsh pool-start third
tool init -q --define third "$dir/third"
expect "keep='30'" cat "$dir/third/.reflink-pool.xml"
tool init -q --define third --keep 40 "$dir/third"
tool init -q --define third --keep 40 "$dir/third"
ok "options that libvirt would put back, or that it would lose, are not changed"

# As 'cp -r POOL/*' makes it, which leaves the marker out.
mkdir -p "$dir/history/vm"
for number in 1 2 3; do
    install -m 600 "$BOOT_IMAGE" "$dir/history/vm/disk.img.$number@2018-01-02T03:04:0${number}Z"
done
install -m 600 "$BOOT_IMAGE" "$dir/history/vm/disk.img"
refused "'vm/disk' & 3 automatic & --keep 3" "$dir/history" tool init "$dir/history"
refused "'vm/disk' & 3 automatic & --keep 3" "$dir/history" tool adopt --yes "$dir/history"
tool init -q --keep 3 "$dir/history"
tool init -q "$dir/history"
expect "keep='3'" cat "$dir/history/.reflink-pool.xml"
ok "a history is not cut short by a number that nobody has typed"

expect_exactly "$dir/fifth True" python3 -c '
import json, sys
said = json.load(sys.stdin)
print(said["pool"], said["defined"])' < <(tool init --json --define fifth "$dir/fifth")
ok "and defines it in libvirt, if asked"

mkdir -p "$dir/outer/inner" "$LAB/plain"
mount -t tmpfs none "$LAB/plain"
tool init -q "$dir/outer/inner"
refused "$dir/outer/inner & lies inside" "$dir/outer" tool init "$dir/outer"
refused "lies inside & $dir/outer/inner" "$dir/outer" tool init "$dir/outer/inner/in"
: >"$dir/file"
fails_with "'$dir/file' & not a directory" tool init "$dir/file"
fails_with "trusted|no reflinks|does not store" tool init "$LAB/plain"
cp /etc/fstab "$LAB/fstab"
echo "/dev/none $dir/away xfs defaults 0 0" >>"$LAB/fstab"
mount --bind "$LAB/fstab" /etc/fstab
fails_with "nothing is mounted at '$dir/away'" tool init "$dir/away/pool"
umount /etc/fstab
[ ! -e "$dir/away" ] || die "a pool was made below a mount point"
for wrong in "--keep=-2 $dir/x" "--keep=x $dir/x" "--name=a/b $dir/x" "--name=a --define=b $dir/x" ""; do
    status=0
    # shellcheck disable=SC2086
    tool init $wrong >/dev/null 2>&1 || status=$?
    [ $status = 2 ] || die "init $wrong: status $status"
done
BACKEND_DIR=stock lab_restart_libvirtd
fails_with "has not loaded the module" tool init --define stock "$dir/stock"
expect_not stock virsh pool-list --all --name
BACKEND_DIR=$STAGE_DIR/lib/libvirt-reflink/storage-backend lab_restart_libvirtd
ok "what pool-build refuses is refused, and a daemon without the module is told"

# --- adopt: a stock pool with domains

# domain NAME DISK...: defines one whose disks these elements are, but for the drivers and targets.
domain()
{
    local name=$1 disks='' letters=abcd i=0 disk
    shift
    for disk in "$@"; do
        disks+="<disk $disk<target dev='hd${letters:i++:1}' bus='ide'/></disk>"
    done
    lab_domain "$name" "" | sed "s|<devices>|&$disks|" >"$LAB/$name.xml"
    virsh define "$LAB/$name.xml"
}

raw="<driver name='qemu' type='raw'/>"
old=$dir/images
stock_pool default "$old"
mkdir "$old/sub"
for image in web.img db sub/app.raw sub/in.img base deep disc.iso iso.img; do
    install -m 600 "$BOOT_IMAGE" "$old/$image"
done
echo notes >"$old/README"
qemu-img create -q -f qcow2 "$old/thin.img" 1M
qemu-img create -q -f qcow2 -F raw -b "$old/base" "$old/over.qcow2"
virsh pool-refresh default
domain web "type='file'>$raw<source file='$old/web.img'/>"
domain db "type='volume'>$raw<source pool='default' volume='db'/>"
domain thin "type='file'><driver name='qemu' type='qcow2'/><source file='$old/thin.img'/>"
domain over "type='file'><driver name='qemu' type='qcow2'/><source file='$old/over.qcow2'/><backingStore type='file'><format type='raw'/><source file='$old/base'/></backingStore>"
domain deep "type='file'>$raw<source file='$old/deep'/>"
virsh start --paused deep
virsh snapshot-create-as deep night --disk-only
virsh destroy deep
domain app "type='file'>$raw<source file='$old/sub/app.raw'/>" "type='file'>$raw<source file='$old/sub/in.img'/>" \
    "type='file' device='cdrom'>$raw<source file='$old/iso.img'/><readonly/>"

# row FILE VOLUME BECOMES: the table says that; the size is left out.
row()
{
    awk -v wanted="$1 $2 $3" '
        { $2 = ""; $3 = ""; gsub(/ +/, " ") }
        index($0, wanted) == 1 { found = 1 }
        END { exit !found }' "$LAB/table" || die "no row '$*' in: $(cat "$LAB/table")"
}

before=$(listing "$old")
tool adopt "$old" 2>/dev/null >"$LAB/table" || true
row web.img web "clean image, as volumes/web.img"
row db db "clean image, as volumes/db.img"
row iso.img iso "clean image, as volumes/iso.img"
row sub/app.raw sub/app.raw "clean image, as sub/app.raw.img"
row sub/in.img sub/in "clean image"
row README - "none: no image by its name and size"
row disc.iso - "none: no image by its name and size"
row thin.img - "none: domain 'thin' has it in the format qcow2"
row base - "none: below a disk or snapshot of domain 'over'"
row over.qcow2 - "none: qcow2 by its name"
row deep - "none: below a disk or snapshot of domain 'deep'"
row deep.night - "none: no image by its name and size"
expect "libvirt has this directory as the plain pool 'default': --define default " cat "$LAB/table"
expect "qemu-img rebase -u" cat "$LAB/table"
same_listing "$old" "$before"
expect_exactly "0 False" python3 -c '
import json, sys
said = json.load(sys.stdin)
print(sum(one.get("renamed_to") == "volumes/web.img" for one in said["files"]) - 1, said["done"])' \
    < <(tool adopt --json "$old" || true)
ok "adopt shows what each file would be, by its name and by what domains say, and changes nothing"

# Each domain that would not start any more is named, with what to type.
status=0
tool adopt "$old" >/dev/null 2>"$LAB/said" || status=$?
[ $status = 3 ] || die "status $status"
[ "$(grep -c "^virt-reflink: domain 'app'" "$LAB/said")" = 2 ] || die "not two: $(cat "$LAB/said")"
refused "'app' & sub/app.raw-dirty.img & sub/in-dirty.img & is not adopted" "$old" tool adopt --yes "$old"
sed -n "s/.*Type '\(virt-xml [^']*\)'$/\1/p" "$LAB/said" >"$LAB/types"
[ "$(wc -l <"$LAB/types")" = 2 ] || die "nothing to type: $(cat "$LAB/said")"
LIBVIRT_DEFAULT_URI=qemu:///system bash -e "$LAB/types" >/dev/null
exec 5<>"$old/db"
refused "'db' & open for writing" "$old" tool adopt --yes "$old"
exec 5<&-
virsh start --paused web
refused "'web' runs & web.img & Shut it down" "$old" tool adopt --yes "$old"
virsh destroy web
mkdir -p /var/lib/libvirt/qemu/save
: >/var/lib/libvirt/qemu/save/db.save
refused "'db' is saved & 'virsh managedsave-remove db'" "$old" tool adopt --yes "$old"
rm /var/lib/libvirt/qemu/save/db.save
ok "it refuses while an image is in use, or a domain would not start any more, and says what to type"

inode=$(stat -c %i "$old/web.img")
# As virt-reflink-pool(8) says.
sed -n '/^virt-reflink adopt \/var/,/^\.Ed/p' "$SOURCE_DIR/docs/virt-reflink-pool.8" | grep -v '^\.Ed' |
    sed "s|/var/lib/libvirt/images|$old|" >"$LAB/example"
virt-reflink()
{
    tool "$@"
}
# shellcheck disable=SC1091
. "$LAB/example" >"$LAB/said"
expect "It was active before" cat "$LAB/said"
[ "$(stat -c %i "$old/volumes/web.img")" = "$inode" ] || die "web.img was not renamed"
expect_exactly "README
base
deep
deep.night
disc.iso
over.qcow2
sub
thin.img
volumes" ls "$old"
expect_exactly "db
iso
sub/app.raw
sub/in
web" volumes default
for name in web db app over deep; do
    guest_run $name
done
[ "$(counter "$old/volumes/web.img") $(counter "$old/volumes/db.img") $(counter "$old/sub/app.raw.img")" = "1 1 1" ] ||
    die "the domains did not write to their volumes"
[ "$(counter "$old/base") $(counter "$old/deep")" = "0 0" ] || die "a base was written to"
expect "web@1" volumes default
expect "It is a pool, and there is nothing to do." tool adopt "$old"
tool adopt --yes -q "$old"
ok "the images are volumes by a renaming, and their domains go on on them"

# A backup of the time before is put back, with all its files.
install -m 600 "$BOOT_IMAGE" "$old/web.img"
fails_with "$old/web.img & volume 'web' & hides" virsh start web
rm "$old/web.img"
guest_run web
[ "$(counter "$old/volumes/web.img")" = 2 ] || die "the domain is not on its volume"
ok "what lies in the place of a volume's short path is not taken for the volume"

# --- adopt: a tree of Qubes OS's driver

qubes=$dir/tree
mkdir -p "$qubes"/{vm-templates/t,appvms/a}
for image in vm-templates/t/root.img appvms/a/private.img appvms/a/private-dirty.img appvms/a/root-dirty.img \
    appvms/a/volatile-dirty.img; do
    install -m 600 "$BOOT_IMAGE" "$qubes/$image"
done
ln "$qubes/vm-templates/t/root.img" "$qubes/appvms/a/root.img"
before=$(listing "$qubes")
expect "--snapshot appvms/a/root=vm-templates/t/root " tool adopt "$qubes"
expect "--volatile appvms/a/volatile " tool adopt "$qubes"
expect "'appvms/a/private' was left with a dirty image" tool adopt "$qubes"
refute_owned()
{
    ! tool adopt "$qubes" | grep -q "^User " || die "adopt names an owner: $*"
}
# A dirty image belongs to its device model.
chown 65534 "$qubes/appvms/a/private-dirty.img"
refute_owned "of a dirty image"
chown 65534 "$qubes/appvms/a/private.img"
expect "User 'nobody' owns 'appvms/a/private.img', with" tool adopt "$qubes"
chown 65534 "$qubes/vm-templates/t/root.img"
expect "User 'nobody' owns 'appvms/a/private.img' and 2 more images" tool adopt "$qubes"
chown -R root "$qubes"
refute_owned root
same_listing "$qubes" "$before"
refused "'appvms/a/private' & clean image" "$qubes" tool adopt --yes --volatile appvms/a/private "$qubes"
refused "'none' & 'appvms/b/root'" "$qubes" tool adopt --yes --snapshot appvms/b/root=none "$qubes"
refused "'appvms/b/volatile' & size" "$qubes" tool adopt --yes --volatile appvms/b/volatile "$qubes"
tool adopt --yes -q --snapshot appvms/a/root=vm-templates/t/root --volatile appvms/a/volatile \
    --volatile appvms/b/volatile=2M --snapshot appvms/b/root=vm-templates/t/root "$qubes"
expect_exactly "appvms/a/private persistent foreign
appvms/a/root snapshot stopped
appvms/a/volatile volatile foreign
appvms/b/root snapshot stopped
appvms/b/volatile volatile stopped
vm-templates/t/root persistent stopped" awk 'NR > 1 { print $1, $2, $3 }' <(tool list "$qubes")
for wrong in --snapshot=a --snapshot=a= --volatile=a=0 --volatile=a=x; do
    status=0
    tool adopt $wrong "$qubes" >/dev/null 2>&1 || status=$?
    [ $status = 2 ] || die "adopt $wrong: status $status"
done
ok "snapshot and volatile volumes of Qubes OS's driver get their records, as a person says"

# Cut off at any time, the same command goes on.
for step in 1 2 3; do
    rm -rf "${dir:?}/cut"
    mkdir "$dir/cut"
    for image in one two.img three; do
        install -m 600 "$BOOT_IMAGE" "$dir/cut/$image"
    done
    strace -f -o /dev/null -e "inject=renameat2:signal=KILL:when=$step" \
        "$STAGE_DIR/bin/virt-reflink" adopt --yes "$dir/cut" >/dev/null 2>&1 || true
    [ "$(find "$dir/cut" -size +0 \( -name 'one*' -o -name 'two*' -o -name 'three*' \) | wc -l)" = 3 ] ||
        die "an image is lost: $(find "$dir/cut")"
    tool adopt --yes -q "$dir/cut"
    expect_exactly "one.img
three.img
two.img" ls "$dir/cut/volumes"
done
ok "a cut-off adoption loses nothing, and is finished by the same command"

done_testing
