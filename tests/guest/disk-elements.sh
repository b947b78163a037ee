#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# The ways in which a domain's XML says what its disks are.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
kinds_make "$dir"
image=$POOL/vm/persistent

# define_disks DISK...: the domain "vm" with these <disk> elements, as hda and so on.
define_disks()
{
    local disk letters=abcd i=0

    lab_domain vm "" "<uuid>00000000-0000-4000-8000-000000000001</uuid>" | sed -n '1,/<devices>/p'
    for disk in "$@"; do
        echo "${disk//TARGET/<target dev=\'hd${letters:i:1}\' bus=\'ide\'/>}"
        i=$((i + 1))
    done
    lab_domain vm "" | sed '1,/<devices>/d'
} >"$LAB/disks.xml"

define()
{
    define_disks "$@"
    virsh define "$LAB/disks.xml"
}

# disk TYPE SOURCE [EXTRA [DEVICE]]: a <disk> element.
disk()
{
    echo "<disk type='$1' device='${4:-disk}'><driver name='qemu' type='raw'/>" \
        "<source $2/>TARGET${3:-}</disk>"
}

# by_hand ACTION: the hook, with the domain that define_disks wrote.
by_hand()
{
    hook vm "$@" <"$LAB/disks.xml"
}

define "$(disk volume "pool='pool' volume='vm/persistent'")" \
    "$(disk volume "pool='pool' volume='vm/snapshot'")" \
    "$(disk file "file='$POOL/vm/volatile-dirty.img'")" "$(disk volume "pool='pool' volume='vm/direct'")"
guest_run vm
expect_exactly "1 101 1 1" kinds_counts
kinds_committed 1
guest_run vm
expect_exactly "2 101 1 2" kinds_counts
kinds_committed 2
ok "type='volume': the hook finds the same volumes by pool and name"

define_disks "$(disk block "dev='$image-dirty.img'")" "$(disk block "dev='$POOL/vm/volatile-dirty.img'")"
expect_exactly "" by_hand prepare begin
[ -e "$image-dirty.img" ] && [ -e "$POOL/vm/volatile-dirty.img" ] || die "not started"
printf 'c\0\0\0' | write_image "$image-dirty.img" 512
expect_exactly "" by_hand release end
kinds_no_dirty
[ "$(counter "$image.img")" = 99 ] || die "not committed"
ok "type='block' with <source dev=>: the same"

truncate -s 1M "$LAB/plain.img"
define "$(disk file "file='$image-dirty.img'")" "$(disk file "file='$LAB/plain.img'")" \
    "$(disk file "file='$image.img'" "<readonly/>" cdrom)" \
    "<disk type='file' device='cdrom'>TARGET<readonly/></disk>"
before=$(stat -c '%i %Y' "$POOL/vm/template.img")
guest_run vm
expect "disk 0: 100" cat "$LAB/vm.serial"
[ "$(counter "$LAB/plain.img")" = 1 ] || die "a disk of no pool was not written to"
kinds_no_dirty
[ "$(ls "$LAB"/plain*)" = "$LAB/plain.img" ] || die "something was made beside a disk of no pool"
ok "a disk of no pool, a CD-ROM with a clean image, an empty drive: left alone"

define "$(disk file "file='$image-dirty.img'")" \
    "$(disk file "file='$POOL/vm/template-dirty.img'" "<readonly/>" cdrom)"
workers_done
for _ in 1 2; do
    virsh start vm --paused
    cmp "$POOL/vm/template-dirty.img" "$POOL/vm/template.img"
    virsh destroy vm
    kinds_no_dirty
    [ "$(stat -c '%i %Y' "$POOL/vm/template.img")" = "$before" ] || die "the template has changed"
done
# What another process writes to it is never committed, and not dropped unasked.
virsh start vm --paused
printf 'x' | write_image "$POOL/vm/template-dirty.img" 512
virsh destroy vm
workers_done
[ "$(stat -c '%i %Y' "$POOL/vm/template.img")" = "$before" ] || die "the template has changed"
expect_revisions vm/template ""
expect_info vm/template suspect
fails_with "'vm/template' & only reads & virt-reflink discard" virsh start vm
"$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/template >/dev/null
virsh start vm --paused
cmp "$POOL/vm/template-dirty.img" "$POOL/vm/template.img"
virsh destroy vm
ok "a read-only disk gets the clean image's content, and is never committed"

# refused_disk DISK REGEX
refused_disk()
{
    define "$1"
    refused "$2" "$POOL/vm" virsh start vm
}
workers_done
refused_disk "$(disk file "file='$image-dirty.img'" "<shareable/>")" \
    "'hda' & 'vm/persistent' & <shareable/>"
refused_disk "$(disk volume "pool='pool' volume='vm/persistent'" "<shareable/>")" "<shareable/>"
refused_disk "$(disk file "file='$image.img'")" "at rest & 'persistent-dirty.img'"
refused_disk "$(disk file "file='$(compgen -G "$image.img.*@*" | tail -1)'")" "at rest"
refused_disk "$(disk volume "pool='pool' volume='vm/persistent@2'")" "read-only"
refused_disk "$(disk file "file='$POOL/vm/none-dirty.img'")" "no volume & 'vm/none'"
ok "shareable disks, clean images and revisions are refused, with the reason"

# layer TYPE SOURCE: a disk that is an overlay on that.
layer()
{
    disk file "file='$LAB/overlay'" "<backingStore type='$1'><format type='raw'/><source $2/></backingStore>"
}
revision=$(compgen -G "$image.img.*@*" | tail -1)
number=${revision#"$image.img."}
before=$(listing "$POOL")
for layer in "$(layer volume "pool='pool' volume='vm/persistent@${number%%@*}'")" \
    "$(layer file "file='$revision'")"; do
    define_disks "$layer"
    expect_exactly "" by_hand prepare begin
    expect_exactly "" by_hand release end
done
workers_done
same_listing "$POOL" "$before"
define_disks "$(layer volume "pool='pool' volume='../persistent'")"
fails_with "../persistent" by_hand prepare begin
ok "a revision below an overlay is only read, and may be there"

# data_in PATH [DISK [LAYER]]: a disk that is a qcow2 file whose data lie at PATH (libvirt 10.10 and
# later), with LAYER below it.
data_in()
{
    echo "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>" \
        "<source file='$LAB/top.qcow2'>$(data_store "$1")</source>TARGET${2:-}</disk>"
}
data_store()
{
    echo "<dataStore type='file'><format type='raw'/><source file='$1'/></dataStore>"
}
define_disks "$(data_in "$image-dirty.img")"
expect_exactly "" by_hand prepare begin
[ -e "$image-dirty.img" ] || die "not started"
printf 'd\0\0\0' | write_image "$image-dirty.img" 512
expect_exactly "" by_hand release end
kinds_no_dirty
[ "$(counter "$image.img")" = 100 ] || die "not committed"
workers_done
for at_rest in "$image.img" "$revision"; do
    define_disks "$(data_in "$at_rest")"
    before=$(listing "$POOL/vm")
    fails_with "'hda' & at rest & '$at_rest'" by_hand prepare begin
    [ "$(listing "$POOL/vm")" = "$before" ] || die "left something"
    define_disks "$(data_in "$at_rest" "<readonly/>")"
    expect_exactly "" by_hand prepare begin
    expect_exactly "" by_hand release end
done
ok "the file that has a disk's data is the disk: it is started, committed, or refused"

define_disks "$(data_in "$image-dirty.img")"
expect_exactly "" by_hand prepare begin
define_disks "$(data_in "$LAB/plain.img" "<backingStore type='file'><format type='qcow2'/>
    <source file='$LAB/base.qcow2'>$(data_store "$image-dirty.img")</source></backingStore>")"
expect_exactly "" by_hand release end
expect_info vm/persistent overlaid
"$STAGE_DIR/bin/virt-reflink" continue "$POOL" vm/persistent >/dev/null
"$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/persistent >/dev/null
# What 'start begin' has besides libvirt has found in a header, which a guest may have written.
define_disks "$(data_in "$LAB/plain.img")"
expect_exactly "" by_hand prepare begin
define_disks "$(data_in "$image-dirty.img")"
fails_with "'vm/persistent' & header & <dataStore" by_hand start begin
expect_exactly "" by_hand release end
ok "below an overlay it is a layer, and a header alone does not say where it is"

# refused_element WORDS SED: the domain without disks and with that change of its XML.
refused_element()
{
    define_disks
    sed -i "$2" "$LAB/disks.xml"
    virsh define "$LAB/disks.xml"
    refused "$1" "$POOL/vm" virsh start vm
}
# in_devices ELEMENT: the change that adds it to the devices.
in_devices()
{
    echo "s#</devices>#$1&#"
}
workers_done
before_all=$(listing "$POOL/vm")
refused_element "<source> & 'vm/persistent' & only a <disk>" \
    "s#<source path='[^']*'#<source path='$image-dirty.img'#"
refused_element "<source> & $image.img" "s#<source path='[^']*'#<source path='$image.img'#"
refused_element "<log> & $revision" "s#<source path='[^']*'/>#&<log file='$revision'/>#"
ln -s "$image.img" "$LAB/link"
refused_element "<kernel> & $LAB/link" "s#</os>#<kernel>$LAB/link</kernel>&#"
refused_element "<initrd> & $image.img" "s#</os>#<kernel>/k</kernel><initrd>$image.img</initrd>&#"
refused_element "<loader> & $image.img" \
    "s#</os>#<loader readonly='yes' type='pflash'>$image.img</loader><nvram>/v</nvram>&#"
refused_element "<nvram> & $image-dirty.img" \
    "s#</os>#<loader readonly='yes' type='pflash'>/l</loader><nvram>$image-dirty.img</nvram>&#"
refused_element "<filesystem> & '$POOL' & <readonly/>" \
    "$(in_devices "<filesystem type='mount'><source dir='$POOL'/><target dir='x'/></filesystem>")"
refused_element "<audio> & $image.img" "$(in_devices "<audio id='1' type='file' path='$image.img'/>")"
refused_element "<qemu:arg> & $image-dirty.img" "s#<domain #&xmlns:qemu='http://libvirt.org/schemas/\
domain/qemu/1.0' #; s#</domain>#<qemu:commandline><qemu:arg value='-drive'/><qemu:arg value='format=raw,\
file=$image-dirty.img,if=none'/></qemu:commandline>&#"
[ "$(listing "$POOL/vm")" = "$before_all" ] || die "something has changed"
ok "an image that is named elsewhere than as a disk is refused, and so is a shared directory"

# many NUMBER LAST: a domain with that many disks; the last is the volume LAST.
many()
{
    local i
    echo "<domain type='xen'><name>vm</name><uuid>00000000-0000-4000-8000-00000000000a</uuid><devices>"
    for ((i = 1; i < $1; i++)); do
        echo "<disk type='file'><source file='$POOL/many/v$i-dirty.img'/><target dev='d$i'/></disk>"
    done
    echo "<disk type='file'><source file='$POOL/many/$2-dirty.img'/></disk></devices></domain>"
} >"$LAB/disks.xml"

for ((i = 1; i <= 64; i++)); do
    echo "vol-create-as pool many/v$i 64k"
done | command virsh -q -c qemu:///system >/dev/null
many 64 v64
by_hand prepare begin
[ "$(compgen -G "$POOL/many/*-dirty.img" | wc -l)" = 64 ] || die "not all were started"
by_hand release end
! compgen -G "$POOL/many/*-dirty.img" >/dev/null || die "not all were stopped"
workers_done
many 64 zz # the last in every order
before=$(listing "$POOL/many" | grep -v -e precache -e '^ d')
fails_with "no volume & 'many/zz'" by_hand prepare begin
[ "$(listing "$POOL/many" | grep -v -e precache -e '^ d')" = "$before" ] || die "left something"
ok "64 disks start and stop, all or none"

# hostile INPUT REGEX: one line on stderr says why, nothing is on stdout, and the status is 1.
hostile()
{
    local operation status

    for operation in "prepare begin" "release end" "restore begin"; do
        status=0
        # shellcheck disable=SC2086
        hook vm $operation <"$1" >"$LAB/out" 2>"$LAB/err" || status=$?
        [ $status = 1 ] || die "status $status"
        [ ! -s "$LAB/out" ] || die "something on stdout: $(head -c 200 "$LAB/out")"
        [ "$(wc -l <"$LAB/err")" = 1 ] || die "not one line: $(head -c 500 "$LAB/err")"
        grep -q -E "^libvirt-reflink: .*$2" "$LAB/err" || die "said: $(head -c 500 "$LAB/err")"
    done
}
many 1 v1
{
    echo '<!DOCTYPE domain [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    sed 's,<name>vm</name>,<name>\&x;</name>,' "$LAB/disks.xml"
} >"$LAB/bad"
hostile "$LAB/bad" "(DTD|document type|entit)"
{
    cat "$LAB/disks.xml"
    head -c 10485760 /dev/zero | tr '\0' ' '
} >"$LAB/bad"
hostile "$LAB/bad" "(large|long|more than|bytes)"
head -c 100000 /dev/urandom >"$LAB/bad"
hostile "$LAB/bad" "."
: >"$LAB/bad"
hostile "$LAB/bad" "."
echo "<network/>" >"$LAB/bad"
hostile "$LAB/bad" "<domain>"
sed 's,<uuid>.*</uuid>,<uuid>../../x</uuid>,' "$LAB/disks.xml" >"$LAB/bad"
hostile "$LAB/bad" "UUID"
[ ! -e "$POOL/many/v1-dirty.img" ] || die "was started"
ok "what is no domain's XML is refused with one line, and nothing on stdout"

# A domain that runs already must not be ended by what is only noted for later.
output=$(hook vm started begin <"$LAB/bad" 2>/dev/null) || die "started failed"
[ -z "$output" ] || die "started says '$output'"
for operation in "stopped end" "reconnect begin" "attach begin" \
    "prepare end" "release begin" "x y"; do
    # shellcheck disable=SC2086
    expect_exactly "" hook vm $operation <"$LAB/bad"
done
ok "other calls are none of its business"
workers_done
# libvirt goes on without a disk that may be missing, and asks the hook before that.
missing="file='$POOL/vm/gone-dirty.img'"
first="$(disk file "file='$image-dirty.img'")"
for device in disk cdrom; do
    define "$first" "$(disk file "$missing" "" $device)"
    fails_with "no volume & 'vm/gone'" virsh start vm
    define "$first" "$(disk file "$missing startupPolicy='optional'" "" $device)"
    guest_wish "$image.img" P
    virsh start vm
    expect_not "gone" virsh domblklist vm
    virsh destroy vm
    workers_done
done
define "$first" "$(disk file "$missing startupPolicy='requisite'" "" cdrom)"
fails_with "no volume & 'vm/gone'" virsh start vm
virsh vol-create-as pool vm/busy 1M
"$STAGE_DIR/bin/virt-reflink" start "$POOL" vm/busy >/dev/null
define "$first" "$(disk file "file='$POOL/vm/busy-dirty.img' startupPolicy='optional'")"
fails_with "'vm/busy' & in use" virsh start vm
workers_done
"$STAGE_DIR/bin/virt-reflink" stop "$POOL" vm/busy >/dev/null
ok "a disk that may be missing does not stop the domain where it is, but where something else is wrong with it"

done_testing
