#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# The module is gone, as after an upgrade of libvirt, and the daemon starts again: domains go on, their
# pool can be read, nothing in it is changed, and no pool of ours is a plain directory.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks later -- qemu-system-x86_64 mkfs.ext4 losetup

cp -a "$STAGE_DIR/lib/libvirt-reflink" "$LAB/copy"
module=$(echo "$LAB"/copy/[0-9]*)
BACKEND_DIR=$LAB/copy/storage-backend
lab_start_libvirtd

reflink_options="<reflink:revisions keep='3'/>"
reflink_pool qubes "$pool" "$reflink_options"
reflink_pool other "$dir/other &amp; more" "$reflink_options<reflink:volume match='a&#9;&#10;&#x7f;&#x85;b' kind='volatile'/>"
reflink_pool emptied "$dir/emptied" "$reflink_options"
mkdir "$dir/plain"
cp "$BOOT_IMAGE" "$dir/plain/boot"
stock_pool plain "$dir/plain"
boot_volume web
create_volume qubes "vm/it's &amp; &lt;more&gt;" 1048576
virsh vol-create-as qubes vm/deep/er/data 2M
virsh vol-create-as other a/b 1M
create_snapshot qubes vm/shot "$(virsh vol-path web qubes)"
guest_wish "$pool/volumes/web.img" P
define_disks "$(disk volume "pool='qubes' volume='web'")"
virsh start vm
kinds_idle vm 1
virsh destroy vm
workers_done
virsh start vm
kinds_idle vm 1
process=$(cat /run/libvirt/qemu/vm.pid)

# What is known of the pool by its volumes' names.
known()
{
    virsh vol-list qubes | awk 'NF' # names and paths
    virsh vol-dumpxml web qubes | grep -e '<capacity' -e '<name' -e '<key'
    virsh pool-dumpxml qubes | grep -v -e '<capacity' -e '<allocation' -e '<available' -e '<mode' -e '<owner' -e '<group' \
        -e 'permissions>'
}

virsh pool-refresh qubes
before=$(known)
definitions=$(cat /etc/libvirt/storage/{qubes,other,emptied,plain}.xml)
states=$(cat /run/libvirt/storage/{qubes,other}.xml)

without_module()
{
    mv "$module" "$LAB/module"
}

with_module()
{
    mv "$LAB/module" "$module"
    lab_restart_libvirtd
}

# goes_on: the same process is the domain, and its pool shows the same as before.
goes_on()
{
    expect running virsh domstate vm
    [ "$(cat /run/libvirt/qemu/vm.pid)" = "$process" ] || die "it is another process"
    [ "$(known)" = "$before" ] || die "the pool has changed: $(diff <(echo "$before") <(known))"
}

state_of()
{
    virsh pool-info "$1" | awk '$1 == "State:" { print $2 }'
}

# --- it is there, and goes

without_module
lab_restart_libvirtd
goes_on
lab_kill_libvirtd
lab_start_libvirtd
goes_on
virsh pool-refresh qubes
goes_on
ok "a domain goes on without the module, and its pool shows the same"

expect_exactly inactive state_of other
expect_exactly inactive state_of emptied
expect_exactly running state_of plain
ok "a pool that no domain needs is inactive"

define_other_disks 1 "$(disk volume "pool='qubes' volume='vm/deep/er/data'")"
virsh start 1
expect "$pool/vm/deep/er/data-dirty.img" readlink "/proc/$(cat /run/libvirt/qemu/1.pid)"/fd/*
virsh destroy 1
workers_done
goes_on
ok "another domain starts on it, and ends, as with the module"

# --- nothing is changed

why="module for libvirt [0-9.]+ is not loaded & Install or rebuild"
echo data >"$LAB/data"
volume_document new 1048576 >"$LAB/volume.xml"
refused "create & volume & qubes & $why" "$pool" virsh vol-create-as qubes new 1M
refused "create & volume & qubes & $why" "$pool" virsh vol-create-from qubes "$LAB/volume.xml" boot --inputpool plain
refused "create & volume & qubes & $why" "$pool" virsh vol-clone web new --pool qubes
refused "delete & volume & qubes & $why" "$pool" virsh vol-delete vm/shot qubes
refused "resize & volume & qubes & $why" "$pool" virsh vol-resize web 4M qubes
refused "upload & volume & qubes & $why" "$pool" virsh vol-upload web "$LAB/data" qubes
refused "download & volume & qubes & $why" "$pool" virsh vol-download web "$LAB/out" qubes
refused "wipe & volume & qubes & $why" "$pool" virsh vol-wipe web qubes
refused "clone & reflink & $why" "$pool" virsh vol-create-from plain "$LAB/volume.xml" web --inputpool qubes
expect_exactly boot volumes plain
refused "start & pool & other & $why" "$dir" virsh pool-start other
refused "build & pool & other & $why" "$dir" virsh pool-build other
refused "delete & pool & emptied & $why" "$dir" virsh pool-delete emptied
ln -s emptied "$dir/link"
virsh pool-define-as again dir --target "$dir/link"
refused "start & pool & again & $why" "$dir" virsh pool-start again
virsh pool-define-as within dir --target "$pool/vm"
refused "start & pool & within & lies in & $why" "$dir" virsh pool-start within
virsh pool-undefine again
virsh pool-undefine within
goes_on
ok "each change is refused, and says what to do"

virsh vol-clone boot second --pool plain
virsh vol-resize second 2M plain
virsh vol-upload second "$LAB/data" plain
virsh vol-download second "$LAB/out" plain --length 5
expect_exactly data cat "$LAB/out"
virsh vol-delete second plain
virsh pool-destroy plain
virsh pool-start plain
expect_exactly boot volumes plain
ok "a stock pool works as ever"

virsh pool-destroy qubes
virsh pool-start qubes
goes_on
ok "a pool that was stopped starts again, as long as a domain needs it"

# What it mounts may have a reflink pool on it.
truncate -s 16M "$LAB/disk.fs"
mkfs.ext4 -q "$LAB/disk.fs"
loop=$(losetup --find --show "$LAB/disk.fs")
cleanup_fn losetup --detach "$loop"
mkdir "$dir/mounted"
virsh pool-define-as mounted fs --source-dev "$loop" --source-format ext4 --target "$dir/mounted"
virsh pool-start mounted
virsh vol-create-as mounted before 1M
mkdir "$dir/mounted/vm"
touch "$dir/mounted/.reflink-pool.xml" "$dir/mounted/vm/disk.img"
virsh pool-refresh mounted
expect_exactly vm/disk volumes mounted
refused "create & volume & mounted & $why" "$dir/mounted" virsh vol-create-as mounted new 1M
virsh pool-destroy mounted
! mountpoint -q "$dir/mounted" || die "it is still mounted"
virsh pool-undefine mounted
ok "so does a pool that mounts something, and it changes nothing where a reflink pool is"

# --- options

for name in qubes other; do
    virsh pool-dumpxml --inactive $name >"$LAB/edited.xml"
    virsh pool-define "$LAB/edited.xml"
done
lab_restart_libvirtd
goes_on
[ "$(cat /etc/libvirt/storage/{qubes,other,emptied,plain}.xml)" = "$definitions" ] ||
    die "definitions have changed: $(diff <(echo "$definitions") <(cat /etc/libvirt/storage/*.xml))"
[ "$(cat /run/libvirt/storage/{qubes,other}.xml)" = "$states" ] || die "states have changed"
define_pool absent "$dir/absent" "<reflink:later kind='&lt;new>'/>"
expect "<reflink:later kind='&lt;new&gt;'/>" virsh pool-dumpxml absent
fails_with "build & pool & absent & $why" virsh pool-build absent
fails_with "start & pool & absent & $why" virsh pool-start absent
[ ! -e "$dir/absent" ] || die "a plain directory was made"
virsh pool-undefine absent
ok "a definition that is written meanwhile keeps its options, and is one of ours by them"

# --- it comes back

with_module
goes_on
expect_exactly running state_of other
expect_exactly a/b volumes other
virsh vol-create-as other new 1M
virsh destroy vm
workers_done
expect_exactly 2 counter "$pool/volumes/web.img"
ok "with the module again all is as before, and the domain's end is committed"

# --- a removal of the packages, which would make the daemon start without us

removal()
{
    PATH=$STAGE_DIR/bin:$PATH sh "$SOURCE_DIR/packaging/refuse-removal"
}

# run_on DISK WORDS: while a domain runs on that disk, a removal is refused with these.
run_on()
{
    define_other_disks 1 "$(disk file "file='$dir/plain/boot'")" "$1"
    virsh start 1 --paused
    fails_with "$2" removal
    virsh destroy 1
    workers_done
    removal
}

removal
run_on "$(disk volume "pool='qubes' volume='vm/it&apos;s &amp; &lt;more&gt;'")" \
    "domain 1: pool='qubes' & $pool: vm/it's . <more>"
run_on "$(disk volume "pool='other' volume='a/b'")" "domain 1: pool='other' & $dir/other . more: a/b"
virsh vol-clone web web@gold --pool qubes
run_on "$(disk volume "pool='qubes' volume='web@gold'" "<readonly/>" cdrom)" "domain 1: pool='qubes'"
ln -s "$pool/volumes/web.img@gold" "$LAB/gold.iso"
run_on "$(disk file "file='$LAB/gold.iso'" "<readonly/>" cdrom)" "domain 1: $LAB/gold.iso"
# A description can have what a shell's echo takes for the end.
define_other_disks 1 "$(disk file "file='$dir/plain/boot'")" \
    "$(disk volume "pool='qubes' volume='web@gold'" "<readonly/>" cdrom)"
virsh desc 1 --config --new-desc 'a Windows server: D:\customers'
virsh start 1 --paused
fails_with "domain 1: pool='qubes'" removal
# Of a pool that libvirt does not know any more it cannot say whose its volumes are.
virsh pool-destroy qubes
virsh pool-undefine qubes
fails_with "domain 1: pool='qubes'" removal
virsh destroy 1
workers_done
removal
reflink_pool qubes "$pool" "$reflink_options"
define_other_disks 1 "$(disk file "file='$dir/plain/boot'")"
chmod 664 "$pool/.reflink-pool.xml"
removal
virsh start 1 --paused
fails_with "$pool: it cannot be told & .reflink-pool.xml" removal
chmod 644 "$pool/.reflink-pool.xml"
removal
virsh destroy 1
workers_done
ok "the packages are not removed while a domain runs on a volume or a revision, by whatever name"

# --- a domain that ends while it is gone

virsh start vm
kinds_idle vm 1
without_module
lab_kill_libvirtd
lab_start_libvirtd
virsh destroy vm
workers_done
expect_exactly 3 counter "$pool/volumes/web.img"
lab_restart_libvirtd
expect_exactly inactive state_of qubes
expect_exactly "shut off" virsh domstate vm
fails_with "pool & 'qubes'" virsh start vm
with_module
expect_exactly running state_of qubes
virsh start vm
kinds_idle vm 1
virsh destroy vm
workers_done
expect_exactly 4 counter "$pool/volumes/web.img"
ok "an end without the module is committed as well, and the next run waits for it"

done_testing
