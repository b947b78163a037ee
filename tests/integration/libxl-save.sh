#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs ext4
# What the hook makes of save files of the libxl driver, which are open in the daemon while it calls. A
# shell plays the daemon; the real one is the matter of tests/xen.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool kinds -- perl setfattr
POOL=$dir/pool
options="<reflink:volume match='vm/volatile' kind='volatile'/>"
[ "$FS" != ext4 ] || options+="<reflink:fallback copy='yes'/>"
reflink_pool pool "$POOL" "$options"
for volume in vm/disk vm/volatile; do
    virsh vol-create-as pool "$volume" 1M
done
managed=/var/lib/libvirt/libxl/save
mkdir -p "$managed"

# domain NAME: its XML. Both have the same disks.
domain()
{
    local volume

    echo "<domain type='xen'><name>$1</name>"
    echo "<uuid>00000000-0000-4000-8000-00000000000${1#vm}</uuid><devices>"
    for volume in disk volatile; do
        echo "<disk type='file' device='disk'><source file='$POOL/vm/$volume-dirty.img'/>"
        echo "<target dev='xvd${volume:0:1}' bus='xen'/></disk>"
    done
    echo "</devices></domain>"
}

# call DOMAIN OPERATION SUBOPERATION
call()
{
    domain "$1" | hook "$@"
}

# libxl_save_file DOMAIN: what its save file begins with.
libxl_save_file()
{
    domain "$1" | perl -e 'local $/; my $xml = <STDIN> . "\0";
        print "libvirt-xml\n \0 \r", pack("LL", 2, length $xml), "\0" x 40, $xml'
}

# is_on_disk TEXT: both images hold it.
is_on_disk()
{
    local volume

    for volume in disk volatile; do
        [ "$(head -c ${#1} "$POOL/vm/$volume-dirty.img")" = "$1" ] || die "$volume does not hold $1"
    done
}

# run_to_save FILE [MEMORY]: a run of vm1, which writes, and is saved to that.
run_to_save()
{
    call vm1 prepare begin
    call vm1 started begin
    echo "of the guest" | tee >(write_image "$POOL/vm/disk-dirty.img") |
        write_image "$POOL/vm/volatile-dirty.img"
    eventually 10 is_on_disk "of the guest"
    libxl_save_file vm1 >"$1"
    echo "${2:-memory}" >>"$1"
    call vm1 release end 9>>"$1"
    workers_done
    saved_well
}

saved_well()
{
    expect_info vm/disk "saved"
    expect_info vm/volatile "saved"
    is_on_disk "of the guest"
}

# restore_and_end FILE [OPERATION]: it is restored, by which call its hook is told that it runs, and ends.
restore_and_end()
{
    call vm1 prepare begin 9<"$1"
    is_on_disk "of the guest"
    call vm1 "${2:-started}" begin
    call vm1 release end
    workers_done
    kinds_no_dirty
}

run_to_save "$LAB/vm.save"
fails_with "saved" call vm1 prepare begin
fails_with "saved" call vm2 prepare begin
restore_and_end "$LAB/vm.save"
ok "saved to a file: only the restore of that domain goes on"

# The daemon is killed while it destroys the domain that it has saved: the next one has no file open.
call vm1 prepare begin
call vm1 started begin
echo "of the guest" | tee >(write_image "$POOL/vm/disk-dirty.img") |
    write_image "$POOL/vm/volatile-dirty.img"
eventually 10 is_on_disk "of the guest"
libxl_save_file vm1 >"$managed/vm1.save"
call vm1 release end
workers_done
saved_well
fails_with "saved" call vm1 prepare begin
restore_and_end "$managed/vm1.save"
# The file of an earlier run says nothing of a later one.
touch -d yesterday "$managed/vm1.save"
call vm1 prepare begin
call vm1 started begin
call vm1 release end
workers_done
kinds_no_dirty
rm "$managed/vm1.save"
ok "a managed save that the daemon did not live to tell of is one"

run_to_save "$LAB/vm.save"
mv "$LAB/vm.save" "$LAB/elsewhere"
fails_with "saved" call vm1 prepare begin
fails_with "saved" call vm2 prepare begin
saved_well
restore_and_end "$LAB/elsewhere"
ok "a file that is not where it was written may be elsewhere: refused, but for the restore from there"

run_to_save "$LAB/monday.save" monday
call vm1 prepare begin 9<"$LAB/monday.save"
call vm1 started begin
echo "on" | write_image "$POOL/vm/disk-dirty.img"
libxl_save_file vm1 >"$LAB/tuesday.save"
echo "tuesday" >>"$LAB/tuesday.save"
call vm1 release end 9>>"$LAB/tuesday.save"
workers_done
fails_with "'$LAB/monday.save' & another save" call vm1 prepare begin 9<"$LAB/monday.save"
expect_info vm/disk "saved"
call vm1 prepare begin 9<"$LAB/tuesday.save"
call vm1 started begin
call vm1 release end
workers_done
kinds_no_dirty
ok "the memory of an earlier save is refused"

run_to_save "$managed/vm1.save"
fails_with "saved" call vm1 prepare begin
rm "$managed/vm1.save"
call vm1 prepare begin
[ "$(head -c 12 "$POOL/vm/disk-dirty.img")" = "of the guest" ] || die "it did not go on"
call vm1 release end
workers_done
ok "without its managed save file a saved domain is one that crashed"

# removed_while_open: libvirt has the managed save file open, and has removed it, when it calls `prepare`.
removed_while_open()
{
    exec 9<"$managed/vm1.save"
    rm "$managed/vm1.save"
}

# Without the mark, as where the hook was killed before it, a plain start drops the volatile volume's image.
run_to_save "$managed/vm1.save"
setfattr -x trusted.libvirt-reflink.hold "$POOL/vm/volatile-dirty.img"
removed_while_open
call vm1 prepare begin
exec 9<&-
is_on_disk "of the guest"
call vm1 started begin
call vm1 release end
workers_done
kinds_no_dirty
ok "a managed save file that was removed is one while it is open"

run_to_save "$managed/vm1.save"
removed_while_open
call vm1 prepare begin
call vm1 release end
exec 9<&-
workers_done
is_on_disk "of the guest"
call vm1 prepare begin
is_on_disk "of the guest"
call vm1 started begin
call vm1 release end
workers_done
kinds_no_dirty
ok "also for a restore that fails then: its disks stay"

run_to_save "$managed/vm1.save"
removed_while_open
rm "$POOL/vm/disk-dirty.img"
fails_with "no dirty image & saved" call vm1 prepare begin
[ ! -e "$POOL/vm/disk-dirty.img" ] || die "an old memory has got a new disk"
[ "$(head -c 12 "$POOL/vm/volatile-dirty.img")" = "of the guest" ] || die "the other disk is gone"
exec 9<&-
"$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/volatile
workers_done
kinds_no_dirty
ok "with a disk that is gone a restore from a managed save file is refused"

run_to_save "$LAB/vm.save"
restore_and_end "$LAB/vm.save" reconnect
mv "$POOL/.reflink-pool.xml" "$LAB/marker"
call vm1 reconnect begin
mv "$LAB/marker" "$POOL/.reflink-pool.xml"
ok "a daemon that finds it running when it comes back confirms the restore as well"

run_to_save "$POOL/vm/vm1.save"
restore_and_end "$POOL/vm/vm1.save"
rm "$POOL/vm/vm1.save"
ok "a save file may lie beside images"

# ends: vm1 does, and was not saved.
ends()
{
    call vm1 prepare begin
    call vm1 started begin
    call vm1 release end
    workers_done
    kinds_no_dirty
}

virsh vol-create-as pool vm/forged 1M
libxl_save_file vm1 >"$POOL/vm/forged.img"
libxl_save_file vm1 >"$LAB/gone"
ends 9<>"$POOL/vm/forged.img"
exec 9<>"$LAB/gone"
rm "$LAB/gone"
ends
exec 9>&-
# An image that was replaced while it is read is a revision by then.
mv "$POOL/vm/forged.img" "$POOL/vm/forged2.img"
ln "$POOL/vm/forged2.img" "$dir/linked"
exec 9<>"$POOL/vm/forged2.img"
rm "$POOL/vm/forged2.img"
ends
exec 9>&-
ok "an image that begins like one is none, nor is what has no name"

no_temporary
done_testing
