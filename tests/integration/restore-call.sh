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
    # shellcheck disable=SC2016
    domain 1 | "$LAB/virtqemud" -c "$1"'; exit $?' - \
        /etc/libvirt/hooks/qemu.d/50-reflink vm1 "${2:-prepare}" begin -
}

# restored SCRIPT: libvirt says that it restores the domain; what comes then is a start with that
# SCRIPT, and finds the disk.
restored()
{
    call '"$@"' restore
    call "$1"
    expect "vm1" "$STAGE_DIR/bin/virt-reflink" info "$POOL" vm/disk
    setfattr -n trusted.libvirt-reflink.hold -v saved "$POOL/vm/disk-dirty.img"
}

# not_restored SCRIPT: the same, and it is not taken for a restore.
not_restored()
{
    call '"$@"' restore
    fails_with "saved" call "$1"
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
not_restored "exec 9<$POOL/vm/forged.img; \"\$@\""
rm "$POOL/vm/forged.img"
ok "a call that no restore followed opens nothing, whatever else is open"

not_restored "$LAB/libvirt_iohelper 20 <$LAB/vm2.save >/dev/null 2>&1 & \"\$@\""
not_restored "$LAB/virtqemud -c 'sleep 20; :' <$LAB/vm1.save >/dev/null 2>&1 & \"\$@\""
ok "nor with a program that reads another domain's file, or is none that reads for the daemon"

fails_with "saved" call "exec 9<$LAB/vm1.save; \"\$@\""
ok "an open file alone is no restore either"

restored "exec 9<$LAB/vm1.save; \"\$@\""
cp "$LAB/vm1.save" "$POOL/vm/vm1.save"
restored "exec 9<$POOL/vm/vm1.save; \"\$@\""
ok "with the domain's file open it is one, also with one beside images"

restored "$LAB/libvirt_iohelper 20 <$LAB/vm1.save >/dev/null 2>&1 & \"\$@\""
# A daemon that has not waited for its end yet.
# shellcheck disable=SC2016
not_waiting='sleep 1; exit(system(@ARGV) >> 8)'
restored "$LAB/libvirt_iohelper 0.1 <$LAB/vm1.save >/dev/null 2>&1 & exec $LAB/virtqemud-perl -e '$not_waiting' \"\$@\""
ok "so it is where a program reads for the daemon, or has read all"

# What the image says of its save is compared with what is read, whoever reads it. The memory is behind
# the XML; the rest of the file may be edited.
echo "memory" >>"$LAB/vm1.save"
dirty=$POOL/vm/disk-dirty.img
setfattr -n trusted.libvirt-reflink.save "$dirty" \
    -v "$(printf '[save]\nid=1\nbegun=1\nended=1\ndate=%s\ndate-ns=%s\nsize=%s\nmemory=other\n' \
        "$(stat -c %Y "$dirty")" "$((10#$(date -r "$dirty" +%N)))" "$(stat -c %s "$dirty")")"
for script in "exec 9<$LAB/vm1.save; \"\$@\"" "$LAB/libvirt_iohelper 20 <$LAB/vm1.save >/dev/null 2>&1 & \"\$@\""; do
    call '"$@"' restore
    fails_with "'vm1' & '$LAB/vm1.save' & another save" call "$script"
    expect_info vm/disk "saved"
done
ok "with another memory than the image says it is refused, also where a program reads it"

# Whose word is the save file's XML? Here it names a volume that the domain never had.
virsh vol-create-as pool vm/other 1M
domain 1 | sed "s,vm/disk-dirty,vm/other-dirty," >"$LAB/other.xml"
qemu_save_file <"$LAB/other.xml" >"$LAB/other.save"

# restore_other: libvirt says that it restores vm1 with that XML, from that file.
restore_other()
{
    # shellcheck disable=SC2016
    "$LAB/virtqemud" -c "exec 9<$LAB/other.save; \"\$@\"; exit \$?" - \
        /etc/libvirt/hooks/qemu.d/50-reflink vm1 restore begin - <"$LAB/other.xml"
}

restore_other
ok "of a file that root alone has written all is believed"
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
sed -e 's,<devices>,<os><type>hvm</type></os><devices>,; s,<uuid>,<memory>1024</memory><uuid>,' \
    -e "s,</devices>,$disk&," <(domain 1) >"/etc/libvirt/qemu/vm1.xml"
forged "s,</devices>,$disk&,"
rm /etc/libvirt/qemu/vm1.xml
ok "nor does it name anything else into a pool, or below one, that the definition does not name"

# The device models' user can change, rename and remove what the daemon has opened. Then there is no
# telling: what follows is neither a restore nor a plain start. The next start is a plain one.
# in_doubt SCRIPT: with that SCRIPT.
in_doubt()
{
    call '"$@"' restore
    fails_with "'vm1' & cannot be told & try again" call "$1"
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
not_restored "exec 9</var/lib/libvirt/qemu/save/vm2.save; \"\$@\""
ok "an announced restore from a file that its device model may have changed goes on in no way"

restored "exec 8<$LAB/changed.save 9<$LAB/vm1.save; \"\$@\""
ok "beside the domain's own file another one is no doubt"

rm -f "$dirty"
in_doubt "exec 9<$LAB/changed.save; \"\$@\""
in_doubt "exec 9<$LAB/changed.save; rm $LAB/changed.save; \"\$@\""
[ ! -e "$dirty" ]
rm /etc/libvirt/qemu/vm1.xml
call '"$@"'
ok "nor is it a plain start where there is no dirty image"

done_testing
