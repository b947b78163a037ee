#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# Under the qemu driver a restore is two calls of the hook. The second one is a start like any other but
# for the save file, which the daemon, or the program that reads it past the host's cache, has open. A
# shell plays the daemon; the real one is the matter of tests/guest/save-restore.sh.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool kinds -- perl
POOL=$dir/pool
reflink_pool pool "$POOL"
virsh vol-create-as pool vm/disk 1M
cp "$(command -v bash)" "$LAB/virtqemud"
cp "$(command -v perl)" "$LAB/virtqemud-perl"
cp "$(command -v sleep)" "$LAB/libvirt_iohelper"
# In a SCRIPT below, behind a process that it has begun: until that is the program.
# shellcheck disable=SC2016
runs='until grep -q iohelpe /proc/$!/comm; do :; done;'

# By the library that the daemon runs with the hook knows its version; nothing that the daemon calls gets it.
library=$(libvirt_library 9000)
newer=$(libvirt_library 11003)

# daemon SCRIPT ARGUMENTS...: libvirt's daemon with that library does SCRIPT.
daemon()
{
    local script=$1

    shift
    LD_PRELOAD=$library "$LAB/virtqemud" -c "unset LD_PRELOAD; $script; exit \$?" - "$@"
}

# domain NUMBER: its XML. All have the same disk.
domain()
{
    echo "<domain type='qemu'><name>vm$1</name>"
    echo "<uuid>00000000-0000-4000-8000-00000000000$1</uuid><devices><disk type='file' device='disk'>"
    echo "<source file='$POOL/vm/disk-dirty.img'/><target dev='vda' bus='virtio'/></disk>"
    echo "</devices></domain>"
}

# call SCRIPT [OPERATION]: the daemon does that, and calls the hook for vm1 with "$@" in it.
call()
{
    domain 1 | daemon "$1" \
        /etc/libvirt/hooks/qemu.d/50-reflink vm1 "${2:-prepare}" begin -
}

# announced SCRIPT: libvirt says that it restores the domain, and has the save file open; what comes then, from the
# same thread of its daemon, is a start with that SCRIPT.
announced()
{
    domain 1 >"$LAB/vm1.xml"
    call "exec 7<$LAB/vm1.save; /etc/libvirt/hooks/qemu.d/50-reflink vm1 restore begin - <$LAB/vm1.xml || exit
        exec 7<&-; $1"
}

# restored SCRIPT: that is a restore, and finds the disk.
restored()
{
    announced "$1"
    expect "vm1" "$STAGE_DIR/bin/virt-reflink" info "$POOL" vm/disk
    setfattr -n trusted.libvirt-reflink.hold -v saved "$POOL/vm/disk-dirty.img"
}

# not_restored SCRIPT: the same, and it is not taken for a restore.
not_restored()
{
    fails_with "saved" announced "$1"
    expect_info vm/disk "saved"
}

call '"$@"'
setfattr -n trusted.libvirt-reflink.hold -v saved "$POOL/vm/disk-dirty.img"
domain 1 | qemu_save_file >"$LAB/vm1.save"
domain 2 | qemu_save_file >"$LAB/vm2.save"
sed 's/LibvirtQemudSave/LibvirtQemudPart/' "$LAB/vm1.save" >"$LAB/part.save"

not_restored '"$@"'
for file in vm2 part; do
    not_restored "exec 9<$LAB/$file.save; \"\$@\""
done
not_restored "exec 9<>$LAB/vm1.save; \"\$@\""
cp "$LAB/vm1.save" "$POOL/vm/forged.img"
fails_with "'vm1' & whether & restore" announced "exec 9<$POOL/vm/forged.img; \"\$@\""
expect_info vm/disk "saved"
rm "$POOL/vm/forged.img"
ok "a call that no restore followed opens nothing, whatever else is open"

not_restored "$LAB/libvirt_iohelper 20 <$LAB/vm2.save >/dev/null 2>&1 & $runs \"\$@\""
not_restored "$LAB/virtqemud -c 'sleep 20; :' <$LAB/vm1.save >/dev/null 2>&1 & \"\$@\""
ok "nor with a program that reads another domain's file, or is none that reads for the daemon"

fails_with "saved" call "exec 9<$LAB/vm1.save; \"\$@\""
ok "an open file alone is no restore either"

call "exec 7<$LAB/vm1.save; \"\$@\"" restore
fails_with "saved" call "exec 9<$LAB/vm1.save; \"\$@\""
# A hook of the site may call ours.
printf '#!/bin/sh\n/etc/libvirt/hooks/qemu.d/50-reflink "$@"; exit $?\n' >"$LAB/site"
chmod +x "$LAB/site"
fails_with "saved" call "exec 9<$LAB/vm1.save; $LAB/site vm1 prepare begin -"
ok "nor is a start of another thread, beside the restore"

mkfifo "$LAB/pipe"
for save in "8<>$LAB/pipe" "8< <(:)" "8</dev/zero" "8<$LAB/vm2.save"; do
    fails_with "'vm1' & cannot be restored & save" call "exec $save; \"\$@\"" restore
done
# Of a domain that has nothing of a pool it is no matter of the hook's.
domain 3 | sed "s,$POOL/vm/disk-dirty.img,$LAB/plain.img," | daemon "exec 8<>$LAB/pipe; \"\$@\"" \
    /etc/libvirt/hooks/qemu.d/50-reflink vm3 restore begin -
rm -r /run/libvirt-reflink/restoring-*
ok "a restore from a pipe or a device, which is not found at the start, is refused"

dirty=$POOL/vm/disk-dirty.img

# saved_as DIGEST: the image says that its memory was saved with that.
saved_as()
{
    setfattr -n trusted.libvirt-reflink.save "$dirty" \
        -v "$(printf '[save]\nid=1\nbegun=1\nended=1\ndate=%s\ndate-ns=%s\nsize=%s\nmemory=%s\n' \
            "$(stat -c %Y "$dirty")" "$((10#$(date -r "$dirty" +%N)))" "$(stat -c %s "$dirty")" "$1")"
}

# read_ahead: as libvirt 12.8.0 does with a short save file, a program has read all of it when the hook is called.
read_ahead()
{
    domain 1 >"$LAB/vm1.xml"
    library=$closing daemon "exec 8< <(printf memory); wait \$!
        \"\$@\" restore begin - <$LAB/vm1.xml || exit
        \"\$@\" prepare begin - <$LAB/vm1.xml" /etc/libvirt/hooks/qemu.d/50-reflink vm1 </dev/null
}

closing=$(libvirt_library 12008)
fails_with "'vm1' & so short" read_ahead
expect_info vm/disk "saved"
saved_as other
fails_with "'vm1' & so short" read_ahead
expect_info vm/disk "saved"
saved_as "$(printf '\6\0\0\0\0\0\0\0memorymemory' | sha256sum | cut -c 1-32)"
read_ahead
expect "vm1" "$STAGE_DIR/bin/virt-reflink" info "$POOL" vm/disk
setfattr -n trusted.libvirt-reflink.hold -v saved "$POOL/vm/disk-dirty.img"
setfattr -x trusted.libvirt-reflink.save "$POOL/vm/disk-dirty.img"
library=$closing call '"$@"' restore
library=$closing fails_with "saved" call '"$@"'
rm -rf /run/libvirt-reflink/restoring-00000000-0000-4000-8000-000000000001
ok "where all memory was read before the call, a restore is refused unless the image was saved with that memory"

restored "exec 9<$LAB/vm1.save; $LAB/site vm1 prepare begin -"
# In the middle of an upgrade there is no program for one call, and there is one for the next.
program=$STAGE_DIR/libexec/libvirt-reflink/libvirt-reflink-event
mount --bind /dev/null "$program"
fails_with "the restore was refused" announced "umount $program; exec 9<$LAB/vm1.save; \"\$@\""
expect_info vm/disk "saved"
[ ! -e /run/libvirt-reflink/restoring-* ] || die "a note of a restore is left"
fails_with "saved" call '"$@"'
# What an older version of the hook has noted names no thread.
call "exec 7<$LAB/vm1.save; \"\$@\"" restore
rm -r /run/libvirt-reflink/restoring-00000000-0000-4000-8000-000000000001
: >/run/libvirt-reflink/restoring-00000000-0000-4000-8000-000000000001
call "exec 9<$LAB/vm1.save; \"\$@\""
setfattr -n trusted.libvirt-reflink.hold -v saved "$POOL/vm/disk-dirty.img"

restored "exec 9<$LAB/vm1.save; \"\$@\""
cp "$LAB/vm1.save" "$POOL/vm/vm1.save"
restored "exec 9<$POOL/vm/vm1.save; \"\$@\""
ok "with the domain's file open it is one, also with one beside images"

restored "$LAB/libvirt_iohelper 20 <$LAB/vm1.save >/dev/null 2>&1 & $runs \"\$@\""
# A daemon that has not waited for its end yet.
# shellcheck disable=SC2016
not_waiting='delete $ENV{LD_PRELOAD}; sleep 1; exit(system(@ARGV) >> 8)'
restored "$LAB/libvirt_iohelper 0.1 <$LAB/vm1.save >/dev/null 2>&1 & $runs LD_PRELOAD=$library exec $LAB/virtqemud-perl -e '$not_waiting' \"\$@\""
ok "so it is where a program reads for the daemon, or has read all"

# What the image says of its save is compared with what is read, whoever reads it. The memory is behind
# the XML; the rest of the file may be edited.
echo "memory" >>"$LAB/vm1.save"
saved_as other
for script in "exec 9<$LAB/vm1.save; \"\$@\"" "$LAB/libvirt_iohelper 20 <$LAB/vm1.save >/dev/null 2>&1 & $runs \"\$@\""; do
    fails_with "'vm1' & '$LAB/vm1.save' & another save" announced "$script"
    expect_info vm/disk "saved"
done
ok "with another memory than the image says it is refused, also where a program reads it"

# A domain that reads a clean image by its path, and has no volume.
virsh vol-create-as pool vm/template 1M
sleep 0.1
domain 4 | sed "s,disk-dirty,template,; s,<target,<readonly/><target," >"$LAB/vm4.xml"
qemu_save_file <"$LAB/vm4.xml" >"$LAB/vm4.save"

# read_call SCRIPT [OPERATION]: as call, for that domain.
read_call()
{
    daemon "$1" \
        /etc/libvirt/hooks/qemu.d/50-reflink vm4 "${2:-prepare}" begin - <"$LAB/vm4.xml"
}

restore="exec 9<$LAB/vm4.save; /etc/libvirt/hooks/qemu.d/50-reflink vm4 restore begin - <$LAB/vm4.xml || exit; \"\$@\""
read_call "$restore"
read_call '"$@"' started
read_call '"$@"' release
tool start "$POOL" vm/template >/dev/null
echo changed | write_image "$POOL/vm/template-dirty.img"
tool stop "$POOL" vm/template >/dev/null
fails_with "'vm/template' & only reads & changed after" read_call "$restore"
read_call '"$@"'
ok "nor is one restored on a clean image that was changed since, which it reads by its path"

# read_ends: it does not run any more.
read_ends()
{
    daemon '"$@"' /etc/libvirt/hooks/qemu.d/50-reflink vm4 release end - <"$LAB/vm4.xml"
}

# saved_reading FILE: the domain reads that image of the template, and was just saved.
saved_reading()
{
    domain 4 | sed "s,disk-dirty.img,$1,; s,<target,<readonly/><target," >"$LAB/vm4.xml"
    sleep 0.1
    qemu_save_file <"$LAB/vm4.xml" >"$LAB/vm4.save"
    read_call "$restore"
    read_ends
}

# vr COMMAND ARGUMENT...: on the pool.
vr()
{
    "$STAGE_DIR/bin/virt-reflink" "$1" "$POOL" "${@:2}" >/dev/null
}
read_ends
virsh vol-create-as pool vm/next 1M
for name in template next; do
    vr snapshot vm/$name gold
done
for file in template.img template.img@gold; do
    saved_reading $file
    vr rename vm/template vm/last
    vr rename vm/next vm/template
    fails_with "'vm/template' & only reads & '$file' & changed after" read_call "$restore"
    vr rename vm/template vm/next
    vr rename vm/last vm/template
done
saved_reading template.img@gold
vr delete --yes vm/template@gold
vr snapshot vm/template gold
fails_with "'vm/template' & only reads & '$file' & changed after" read_call "$restore"
ok "nor on one that got its name since from another volume, or is a named revision that was made again"

# short_read: as read_ahead, for that domain.
short_read()
{
    library=$closing daemon "exec 8< <(printf memory); wait \$!
        \"\$@\" restore begin - <$LAB/vm4.xml || exit
        \"\$@\" prepare begin - <$LAB/vm4.xml" /etc/libvirt/hooks/qemu.d/50-reflink vm4 </dev/null
}

saved_reading template.img
mkdir -p /etc/libvirt/qemu
cp "$LAB/vm4.xml" /etc/libvirt/qemu/vm4.xml
fails_with "'vm4' & so short & read-only" short_read
rm /etc/libvirt/qemu/vm4.xml
ok "nor from a file that nobody knows the date of, where no save of the domain is noted"

# Whose word is the save file's XML? Here it names a volume that the domain never had.
virsh vol-create-as pool vm/other 1M
domain 1 | sed "s,vm/disk-dirty,vm/other-dirty," >"$LAB/other.xml"
qemu_save_file <"$LAB/other.xml" >"$LAB/other.save"

# restore_other: libvirt says that it restores vm1 with that XML, from that file.
restore_other()
{
    daemon "exec 9<$LAB/other.save; \"\$@\"" \
        /etc/libvirt/hooks/qemu.d/50-reflink vm1 restore begin - <"$LAB/other.xml"
}

# start_other: the same, and the start that follows. That is what is refused where libvirt would remove a managed save
# whose restore is, and say that the domain has started.
start_other()
{
    daemon "exec 9<$LAB/other.save
        \"\$@\" restore begin - <$LAB/other.xml || exit 0
        \"\$@\" prepare begin - <$LAB/other.xml" /etc/libvirt/hooks/qemu.d/50-reflink vm1
}

restore_other
ok "of a file that root alone has written all is believed"
pipes=$library
library=$newer
before=$(listing "$POOL")
fails_with "'vm1' & 'vm/other' & definition" start_other
same_listing "$POOL" "$before"
library=
fails_with "'vm1' & 'vm/other' & definition" restore_other
library=$pipes
ok "but not where an emulator may have had that file open (libvirt >= 11.2), or the daemon's version is not known"
chown 12345 "$LAB/other.save"
fails_with "'vm1' & 'vm/other' & definition" restore_other
chown 0:12345 "$LAB/other.save"
chmod 0620 "$LAB/other.save"
fails_with "'vm1' & 'vm/other' & definition" restore_other
chmod 0600 "$LAB/other.save"
chown 12345 "$LAB"
fails_with "'vm1' & 'vm/other' & definition" restore_other
chown 0 "$LAB"
restore_other
chmod 0620 "$LAB/other.save"
ok "of another file, or one where others can change names, no volume that neither the definition nor the image says to be the domain's"

mkdir -p /etc/libvirt/qemu
sed -e 's,<devices>,<os><type>hvm</type></os><devices>,; s,<uuid>,<memory>1024</memory><uuid>,' \
    "$LAB/other.xml" >"/etc/libvirt/qemu/vm1.xml"
restore_other
sed -i 's,<target,<readonly/><target,' /etc/libvirt/qemu/vm1.xml
fails_with "writes to & 'vm/other'" restore_other
sed -i 's,<target,<readonly/><target,' "$LAB/other.xml"
restore_other
rm /etc/libvirt/qemu/vm1.xml
ok "the definition counts, and what it only reads is only read"

# forged SED: the same from a file that root has not written alone, where vm1's XML has that change.
forged()
{
    domain 1 | sed "$1" >"$LAB/other.xml"
    qemu_save_file <"$LAB/other.xml" >"$LAB/other.save"
    restore_other
}
device=$(findmnt --noheadings --output SOURCE --target "$POOL" | sed 's/\[.*//')
serial="<serial type='file'><source path="
forged "s,</devices>,$serial'$LAB/console'/></serial>&,"
for path in "$POOL/vm/disk.img" "${POOL#/}/vm/disk.img" "$POOL/none"; do
    fails_with "'vm1' & /${path#/}' & reflink pool & definition" \
        forged "s,</devices>,$serial'$path'/></serial>&,"
done
fails_with "'$POOL' & reflink pool" \
    forged "s,</devices>,<filesystem><source dir='$POOL'/><readonly/></filesystem>&,"
disk="<disk type='block'><source dev='$device'/><target dev='vdb'/></disk>"
fails_with "'$device' & uses itself & definition" forged "s,</devices>,$disk&,"
fails_with "marker" \
    forged "s,</devices>,<disk><source file='$POOL/.reflink-pool.xml'/><target dev='vdb'/></disk>&,"
# forged_disk PATH [TYPE ATTRIBUTE]: as that.
forged_disk()
{
    forged "s,</devices>,<disk type='${2:-file}'><source ${3:-file}='$1'/><target dev='vdb'/></disk>&,"
}
ln "$POOL/vm/disk.img" "$dir/monday.img"
: >"$LAB/written"
: >/run/libvirt-reflink/a-note
fails_with "monday.img' & another name & definition" forged_disk "$dir/monday.img"
fails_with "'/dev/null' & not a regular file" forged_disk /dev/null block dev
fails_with "a-note' & of libvirt-reflink" forged_disk /run/libvirt-reflink/a-note
exec 8>>"$LAB/written"
fails_with "written' & open for writing" forged_disk "$LAB/written"
fails_with "written' & open for writing" forged "s,</devices>,$serial'$LAB/written'/></serial>&,"
exec 8>&-
forged_disk "$LAB/written"
forged "s,</devices>,$serial'$LAB/written'/></serial>&,"
# libvirt would make the file below the pool empty.
fails_with "'$(losetup --noheadings --output BACK-FILE "$device")' & open for writing" \
    forged "s,</devices>,$serial'$(losetup --noheadings --output BACK-FILE "$device")'/></serial>&,"
fails_with "monday.img' & another name" forged "s,</devices>,$serial'$dir/monday.img'/></serial>&,"
for path in / "$dir" "$dir/../${dir##*/}"; do
    fails_with "'$path' & a reflink pool lies in & definition" \
        forged "s,</devices>,<filesystem><source dir='$path'/></filesystem>&,"
done
label="<seclabel type='static' model='dac'><label>+0:+0</label></seclabel>"
fails_with "<seclabel> 'dac static .0:.0' & definition" forged "s,</devices>,&$label,"
fails_with "<seclabel> 'dac none'" forged "s,</devices>,&<seclabel type='none' model='dac'/>,"
forged "s,</devices>,&<seclabel type='dynamic' model='dac'><label>+0:+0</label></seclabel>,"
rm "$dir/monday.img" /run/libvirt-reflink/a-note
fails_with "volume 'lv' of pool 'plain' & definition" \
    forged "s,</devices>,<disk type='volume'><source pool='plain' volume='lv'/><target dev='vdb'/></disk>&,"
sed -e 's,<devices>,<os><type>hvm</type></os><devices>,; s,<uuid>,<memory>1024</memory><uuid>,' \
    -e "s,</devices>,$disk&$label," <(domain 1) >"/etc/libvirt/qemu/vm1.xml"
forged "s,</devices>,$disk&$label,"
share="<filesystem><source dir='$dir'/><readonly/></filesystem>"
sed -i "s,</devices>,$share&," /etc/libvirt/qemu/vm1.xml
forged "s,</devices>,$share&,"
fails_with "'$dir' & a reflink pool lies in & definition" forged "s,</devices>,${share/<readonly\/>/}&,"
rm /etc/libvirt/qemu/vm1.xml
ok "nor does it name anything else into a pool, or below one, that the definition does not name"

# A list of volumes that is there at a restore is of an earlier run whose end was lost: another domain may have run on
# them since.
: >"$LAB/overlay"
list=/run/libvirt-reflink/started-qemu-00000000-0000-4000-8000-000000000001
printf 'disk\t%s\tvm/other\n' "$POOL" >>"$list"
below="<backingStore type='file'><format type='raw'/><source file='$POOL/vm/other-dirty.img'/><backingStore/></backingStore>"
fails_with "'vm1' & 'vm/other' & definition" \
    forged "s,</devices>,<disk type='file'><source file='$LAB/overlay'/>$below<target dev='vdb'/></disk>&,"
ok "nor does a list of what the domain was started on before permit it"

# Where there is no space for the lists of a new run, those of an earlier one, and of what its XML named, are not taken
# for them.
setfattr -x trusted.libvirt-reflink.hold "$dirty"
layers=/run/libvirt-reflink/layers-qemu-00000000-0000-4000-8000-000000000001
cp "$list" "$LAB/list"
mount -t tmpfs -o size=64k,mode=700 notes /run/libvirt-reflink
cp "$LAB/list" "$list"
echo "$POOL/vm/other-dirty.img" >"$layers"
cat /dev/zero >/run/libvirt-reflink/full 2>/dev/null || true
layered()
{
    domain 1 | sed "s,<target,<backingStore type='file'><format type='raw'/><source file='$LAB/overlay'/></backingStore>&," |
        daemon '"$@"' /etc/libvirt/hooks/qemu.d/50-reflink vm1 prepare begin -
}
fails_with "'vm1' & cannot be started & /run" layered
[ ! -e "$list" ] || die "the old list is there: $(cat "$list")"
[ ! -e "$layers" ] || die "the old layers are there: $(cat "$layers")"
umount --lazy /run/libvirt-reflink
setfattr -n trusted.libvirt-reflink.hold -v saved "$dirty"
rm -f "$list"
ok "nor are old lists those of a new run, where there is no space for new ones"

# That the daemon reads a save of the domain that is root's as well, as for a download, says nothing of this one.
domain 1 | sed "s,vm/disk-dirty,vm/other-dirty," >"$LAB/other.xml"
qemu_save_file <"$LAB/other.xml" >"$LAB/other.save"
domain 1 | qemu_save_file >"$LAB/own.save"
for files in "8<$LAB/own.save 9<$LAB/other.save" "8<$LAB/other.save 9<$LAB/own.save"; do
    fails_with "'vm1' & 'vm/other' & definition" daemon "exec $files; \"\$@\"" \
        /etc/libvirt/hooks/qemu.d/50-reflink vm1 restore begin - <"$LAB/other.xml"
done
# Its device model can change it as soon as the daemon has read the XML.
sed 's/LibvirtQemudSave/LibvirtQemudPart/' "$LAB/other.save" >"$LAB/unlike.save"
chown 12345 "$LAB/unlike.save"
fails_with "'vm1' & 'vm/other' & definition" daemon "exec 8<$LAB/own.save 9<$LAB/unlike.save; \"\$@\"" \
    /etc/libvirt/hooks/qemu.d/50-reflink vm1 restore begin - <"$LAB/other.xml"
ok "nor does another file of the domain's that the daemon reads vouch for it"

# The hook gets the text of that file, which libvirt may read in another way.
forged "s,<domain ,&xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ,; \
    s,</devices>,&<metadata><a:b xmlns:a='urn:a' a:c='d'>e<a:f/></a:b></metadata>\
<qemu:commandline><qemu:arg value='-x'/></qemu:commandline>,"
fails_with "'file' in a namespace" forged \
    "s,</devices>,<disk><source xmlns:x='urn:x' x:file='$POOL/vm/disk.img'/><target dev='vdb'/></disk>&,"
fails_with "'path' in a namespace" forged \
    "s,</devices>,<serial type='file'><source xmlns:x='urn:x' x:path='$LAB/written'/></serial>&,"
fails_with "a namespace at <x:source>" forged \
    "s,</devices>,<serial type='file'><x:source xmlns:x='urn:x' path='$LAB/console'/></serial>&,"
fails_with "text beside elements at <kernel>" forged "s,</devices>,&<os><kernel>$device<x/></kernel></os>,"
fails_with "a second one at <source>" forged \
    "s,</devices>,<disk><source/><source file='$POOL/vm/disk.img'/><target dev='vdb'/></disk>&,"
fails_with "encoding 'UTF-7'" forged "1s,^,<?xml version='1.0' encoding='UTF-7'?>,"
forged "1s,^,<?xml version='1.0' encoding='utf-8'?>,"
ok "nor has it what libvirt does not write, and reads differently"

# The device models' user can change, rename and remove what the daemon has opened. Then there is no
# telling: what follows is neither a restore nor a plain start. The next start is a plain one.
# in_doubt SCRIPT: with that SCRIPT.
in_doubt()
{
    fails_with "'vm1' & restore & try again" announced "$1"
}

setfattr -x trusted.libvirt-reflink.save "$dirty"
domain 1 >/etc/libvirt/qemu/vm1.xml
domain 1 >"$LAB/changed.save"
cp "$LAB/vm1.save" "$LAB/gone.save"
chown 12345 "$LAB/changed.save"
mkdir -p /var/lib/libvirt/qemu/save
cp "$LAB/part.save" "$LAB/vm2.save" /var/lib/libvirt/qemu/save
for file in "$LAB/changed.save" /var/lib/libvirt/qemu/save/part.save; do
    in_doubt "exec 9<$file; \"\$@\""
    expect_info vm/disk "saved"
    fails_with "saved" call "exec 9<$file; \"\$@\""
done
in_doubt "exec 9<$LAB/gone.save; rm $LAB/gone.save; \"\$@\""
# libvirt saves to a block device as well, and that is not read.
in_doubt "exec 9<$(findmnt -n -o SOURCE --target "$dir"); \"\$@\""
not_restored "exec 9</var/lib/libvirt/qemu/save/vm2.save; \"\$@\""
ok "an announced restore from a file that its device model may have changed goes on in no way"

restored "exec 8<$LAB/changed.save 9<$LAB/vm1.save; \"\$@\""
restored "exec 8<$LAB/vm1.save 9<$LAB/vm1.save; \"\$@\""
ok "beside the domain's own file another one is no doubt"

cp "$LAB/vm1.save" "$LAB/copy.save"
in_doubt "exec 8<$LAB/copy.save 9<$LAB/vm1.save; \"\$@\""
in_doubt "$LAB/libvirt_iohelper 20 <$LAB/copy.save >/dev/null 2>&1 & $runs exec 9<$LAB/vm1.save; \"\$@\""
expect_info vm/disk "saved"
ok "but another save of the domain's is: which of them it is restored from cannot be told"

rm -f "$dirty"
in_doubt "exec 9<$LAB/changed.save; \"\$@\""
in_doubt "exec 9<$LAB/changed.save; rm $LAB/changed.save; \"\$@\""
[ ! -e "$dirty" ]
rm /etc/libvirt/qemu/vm1.xml
call '"$@"'
ok "nor is it a plain start where there is no dirty image"

done_testing
