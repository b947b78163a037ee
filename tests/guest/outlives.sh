#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# libvirt ends a running domain whose disk it does not find in an active pool when its daemon starts
# (<disk type='volume'>). Whatever is wrong with the pool then, the domain goes on.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds states disks journal -- qemu-system-x86_64 python3
pool=$dir/pool
marker=$pool/.reflink-pool.xml

reflink_pool qubes "$pool"
virsh vol-create-as qubes web 1M
write_image "$pool/volumes/web.img" <"$BOOT_IMAGE"
guest_wish "$pool/volumes/web.img" P
define_disks "$(disk volume "pool='qubes' volume='web'")"
virsh start vm
kinds_idle vm 1
process=$(cat /run/libvirt/qemu/vm.pid)
cp -a "$marker" "$LAB/marker"

# outlives STORY: the same process runs after a refresh and a restart of the daemon.
outlives()
{
    virsh pool-refresh qubes || true
    lab_restart_libvirtd
    expect running virsh domstate vm
    [ "$(cat /run/libvirt/qemu/vm.pid)" = "$process" ] || die "it is another process"
    ok "a domain outlives $1"
}

chmod -R g+w "$pool"
outlives "a marker that others may write"
chmod -R g-w "$pool"
echo "<nonsense" >"$marker"
outlives "a marker that is damaged"
rm "$marker"
outlives "a marker that is gone"
cp -a "$LAB/marker" "$marker"

sed -i 's|</reflink:options>|<reflink:later/></reflink:options>|' /run/libvirt/storage/qubes.xml
sed -i.kept 's|</reflink:options>|<reflink:later/></reflink:options>|' /etc/libvirt/storage/qubes.xml
outlives "options that nobody understands"
mv /etc/libvirt/storage/qubes.xml.kept /etc/libvirt/storage/qubes.xml

mv "$pool/volumes/web.img" "$pool/volumes/kept"
mkdir "$pool/volumes/web.img"
outlives "a clean image that is none"
rmdir "$pool/volumes/web.img"
mv "$pool/volumes/kept" "$pool/volumes/web.img"
mkdir "$pool/volumes/web.volume.xml"
outlives "a record that is none"
rmdir "$pool/volumes/web.volume.xml"

echo "<pool/>" >"$dir/.reflink-pool.xml"
outlives "a pool around its own"
rm "$dir/.reflink-pool.xml"

# A pool may be one by its marker alone.
for file in /etc/libvirt/storage/qubes.xml /run/libvirt/storage/qubes.xml; do
    cp "$file" "$LAB/${file//\//-}"
done
lab_stop_libvirtd
sed -i '/<reflink:options>/,/<\/reflink:options>/d' /etc/libvirt/storage/qubes.xml /run/libvirt/storage/qubes.xml
rm "$marker"
lab_start_libvirtd
expect_not "<reflink" virsh pool-dumpxml qubes
fails_with "not built" virsh vol-create-as qubes other 1M
outlives "the loss of a marker that alone told"
cp -a "$LAB/marker" "$marker"
lab_stop_libvirtd
for file in /etc/libvirt/storage/qubes.xml /run/libvirt/storage/qubes.xml; do
    cp "$LAB/${file//\//-}" "$file"
done
lab_start_libvirtd

# Before this version two pools could be one directory.
mkdir "$dir/twin"
mount --bind "$pool" "$dir/twin"
cleanup_fn umount -l "$dir/twin"
lab_stop_libvirtd
for file in /etc/libvirt/storage/qubes.xml /run/libvirt/storage/qubes.xml; do
    sed -e "s|<name>qubes<|<name>twin<|" -e "s|<uuid>........|<uuid>ffffffff|" -e "s|$pool<|$dir/twin<|" "$file" \
        >"${file%qubes.xml}twin.xml"
done
lab_start_libvirtd
for name in qubes twin; do
    virsh pool-refresh $name
    expect file virsh vol-info web $name
done
expect running virsh domstate vm
for name in qubes twin; do
    virsh vol-create-as $name $name 1M || fails_with "active" virsh vol-create-as $name $name 1M
done
[ "$(find "$pool/volumes" -name qubes.img -o -name twin.img | wc -l)" = 1 ] || die "both change it"
ok "two active pools that are one directory stay active, and one of them changes nothing"
virsh pool-destroy twin
virsh pool-undefine twin
virsh pool-refresh qubes

# --- the hook program cannot be run

journal_begin
program=$STAGE_DIR/libexec/libvirt-reflink/libvirt-reflink-event
mkdir "$LAB/empty"
virsh vol-create-as qubes other 1M
write_image "$pool/volumes/other.img" <"$BOOT_IMAGE"
lab_domain other "$(virsh vol-path other qubes)" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
cp "$BOOT_IMAGE" "$dir/stranger.img"
guest_wish "$dir/stranger.img" P
lab_domain stranger "$dir/stranger.img" >"$LAB/stranger.xml"
virsh define "$LAB/stranger.xml"

# broken WORDS STORY: a domain outlives that, of two others one is refused, and the log says why; the
# one without a volume starts.
broken()
{
    : >"$LAB/journal"
    outlives "$2"
    eventually 10 grep -q -e "4 domain vm: .*'reconnect'.*$1" "$LAB/journal"
    fails_with "other & prepare & other-dirty.img & $1" virsh start other
    [ ! -e "$pool/volumes/other-dirty.img" ] || die "it was started"
    virsh start stranger
    expect running virsh domstate stranger
    virsh destroy stranger
    # The launcher answers for that without the program.
    ! grep -e "domain stranger: " "$LAB/journal" || die "the program was to run for it"
    umount "$mounted"
    ok "meanwhile a domain on a volume is refused, and one that has none is not"
}

# instead FILE: that is the hook program now, as far as the laboratory sees.
instead()
{
    chmod 755 "$1"
    mount --bind "$1" "$program"
    mounted=$program
}

sed 's/libglib-2\.0\.so\.0/libglib-9.9.so.9/' "$program" >"$LAB/program"
instead "$LAB/program"
broken "library.*ldd" "a hook program with a library missing"
# shellcheck disable=SC2016
printf '#!/bin/sh\nkill -KILL $$\n' >"$LAB/crash"
instead "$LAB/crash"
broken "signal 9" "a hook program that crashes"
mounted=$(dirname "$program")
mount --bind "$LAB/empty" "$mounted"
broken "is not there" "the hook program's removal"

virsh start other
expect running virsh domstate other
virsh destroy other
ok "when it is back, the one that was refused starts"

virsh destroy vm
eventually 20 test ! -e "$pool/volumes/web-dirty.img"
expect web@1 eval "virsh vol-info web qubes >/dev/null; volumes qubes"
ok "and its end is committed"

done_testing
