#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A domain has a disk on a file system that has died under it: one of FUSE's whose server is gone. Of that
# disk nothing can be told; what becomes of the others does not depend on it.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool kinds journal -- perl python3
[ -e /dev/fuse ] || modprobe -q fuse || skip "the kernel has no FUSE"
journal_begin
POOL=$dir/pool
other=$dir/other
options="<reflink:volume match='vm/volatile' kind='volatile'/>"
reflink_pool pool "$POOL" "$options"
reflink_pool other "$other"
for volume in disk volatile; do
    virsh vol-create-as pool "vm/$volume" 1M
done
virsh vol-create-as other vm/third 1M
far=$LAB/far
mkdir "$far"
started=/run/libvirt-reflink/started-libxl-00000000-0000-4000-8000-000000000001

# dies DIRECTORY: what is mounted there from now on fails with ENOTCONN.
dies()
{
    exec 7<>/dev/fuse
    mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 dead "$1"
    exec 7>&-
    ! stat "$1/x" 2>/dev/null || die "$1 lives"
}

# disk TARGET PATH [EXTRA]
disk()
{
    echo "<disk type='file' device='disk'><source file='$2'/>${3:-}<target dev='$1' bus='xen'/></disk>"
}

# define DISK...: the domain has these.
define()
{
    echo "<domain type='xen'><name>vm</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
        <devices>$*</devices></domain>" >"$LAB/vm.xml"
}

disks=$(disk xvda "$far/cd.iso")
disks+=$(disk xvdb "$POOL/vm/disk-dirty.img")$(disk xvdc "$POOL/vm/volatile-dirty.img")
third=$(disk xvdd "$other/vm/third-dirty.img")

# call OPERATION SUBOPERATION
call()
{
    hook vm "$@" <"$LAB/vm.xml"
}

# run TEXT: it starts, and writes that to all of its volumes.
run()
{
    local image

    call prepare begin
    call started begin
    for image in "$POOL"/vm/*-dirty.img "$other"/vm/*-dirty.img; do
        ! grep -q -F -e "$image" "$LAB/vm.xml" || write_image "$image" <<<"$1"
    done
}

# holds FILE TEXT
holds()
{
    [ "$(head -c ${#2} "$1")" = "$2" ] || die "$1 does not hold '$2'"
}

untold="Transport endpoint is not connected"

# logged DISK: the log has said so of it.
logged()
{
    eventually 5 grep -q -E -e "^libvirt-reflink 4 domain vm: .*'$1'.*$untold" "$LAB/journal"
    : >"$LAB/journal"
}

# saves: it is saved.
saves()
{
    perl -e 'local $/; my $xml = <STDIN> . "\0";
        print "libvirt-xml\n \0 \r", pack("LL", 2, length $xml), "\0" x 40, $xml' \
        <"$LAB/vm.xml" >"$LAB/vm.save"
    call release end 9>>"$LAB/vm.save"
}

define "$disks"
run "first"
dies "$far"
: >"$LAB/journal"
fails_with "$untold" call release end
logged xvda
workers_done
kinds_no_dirty
holds "$POOL/vm/disk.img" "first"
ok "at the end of the domain the volumes beside a dead disk are committed and dropped"

fails_with "$untold" call prepare begin
kinds_no_dirty
umount "$far"
ok "no domain starts with a disk that is dead"

define "$(disk xvda "$far/cd.iso")"
call prepare begin
dies "$far"
fails_with "$untold" call release end
umount "$far"
ok "so it is said of a domain that has no other"

define "$disks"
run "second"
dies "$far"
fails_with "$untold" saves
workers_done
umount "$far"
expect_info vm/disk "saved"
expect_info vm/volatile "saved"
fails_with "saved" call prepare begin
holds "$POOL/vm/volatile-dirty.img" "second"
ok "at a save they are marked saved"

call prepare begin 9<"$LAB/vm.save"
dies "$far"
: >"$LAB/journal"
call started begin
logged xvda
umount "$far"
call release end
workers_done
kinds_no_dirty
holds "$POOL/vm/disk.img" "second"
ok "the start of a restore is confirmed for them"

# Their pool is another one's mount.
define "$disks$third"
run "third"
dies "$other"
fails_with "$untold" call release end
workers_done
kinds_no_dirty
holds "$POOL/vm/disk.img" "third"
umount "$other"
holds "$other/vm/third-dirty.img" "third"
define "$disks"
run "fourth"
call release end
workers_done
kinds_no_dirty
# Who saw its writes has gone, so that the dead file system could be unmounted.
holds "$other/vm/third-dirty.img" "third"
POOL=$other expect_info vm/third "leftover"
[ ! -e "$started" ] || die "the note is left"
tool stop "$other" vm/third
workers_done
holds "$other/vm/third.img" "third"
ok "a volume whose pool is dead is kept at the end of the next run"

# What the domain has instead of the third volume now, and whether that is on it, nobody can tell.
moved=${third/"$other/vm/third-dirty.img"/"$far/overlay"}
define "$disks$third"
run "fifth"
define "$disks$moved"
dies "$far"
fails_with "$untold" call release end
workers_done
kinds_no_dirty
holds "$POOL/vm/disk.img" "fifth"
holds "$other/vm/third.img" "third"
holds "$other/vm/third-dirty.img" "fifth"
umount "$far"
define "$disks$third"
run "sixth"
define "$disks$moved"
dies "$far"
fails_with "$untold" saves
workers_done
umount "$far"
POOL=$other expect_info vm/third "saved"
expect_info vm/disk "saved"
define "$disks$third"
call prepare begin 9<"$LAB/vm.save"
call started begin
call release end
workers_done
kinds_no_dirty
holds "$other/vm/third.img" "sixth"
ok "a volume that may be below the dead disk is kept, or saved"

below="<backingStore type='file'><format type='raw'/><source file='$POOL/vm/disk-dirty.img'/></backingStore>"
define "$(disk xvda "$POOL/vm/disk-dirty.img")"
run "seventh"
define "$(disk xvda "$far/overlay" "$below")"
dies "$far"
fails_with "$untold" call release end
workers_done
umount "$far"
expect_info vm/disk "overlaid"
holds "$POOL/vm/disk-dirty.img" "seventh"
ok "nor is one forgotten that the XML shows below it"

no_temporary
done_testing
