#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink attach and detach: a volume becomes a disk of a running domain, and ceases to be one, in one
# step. In between it is the domain's, as any other of its disks.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds documents -- qemu-system-x86_64 python3 getfattr
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
virsh vol-create-as pool data 1M
data=$(virsh vol-path data pool)

state()
{
    tool list pool | awk -v name="${1:-data}" '$1 == name { print $3 }'
}

writes()
{
    printf %s "$1" | write_image "$data"
}

content()
{
    head -c 1 "$1"
}

has_disk()
{
    virsh domblklist vm | grep -q "^ *$1 "
}

# A domain that does not run, or is not there, is given nothing.
refused "'vm' & is not running" "$POOL" tool attach pool data vm sda
refused "no domain 'nobody'" "$POOL" tool attach pool data nobody sda
fails_with "Usage" tool attach pool data vm
refused "'data' is stopped" "$POOL" tool detach pool data
virsh start vm --paused
refused "no volume 'none'" "$POOL" tool attach pool none vm sda
refused "cannot attach & 'hda'" "$POOL" tool attach pool data vm hda
refused "cannot attach" "$POOL" tool attach pool data vm sda --bus usb
expect_exactly stopped state
expect_not data virsh domblklist vm
refused "'vm/persistent' is already disk 'hda' & 'vm'" "$POOL" tool attach pool vm/persistent vm hdx
ok "what libvirt refuses leaves all as it was"

expect "data is disk sda of domain vm: $data" tool attach pool data vm sda --bus scsi
expect "$data" virsh domblklist vm
expect "vm (qemu" tool info pool data
expect_exactly running state
refused "'data' is already disk 'sda'" "$POOL" tool attach pool data vm sdb
fails_with "'data' & 'vm' & open" tool stop pool data
writes 1
expect "data is detached from domain vm, and is committed" tool detach pool data
expect_exactly 1 content "$POOL/volumes/data.img"
expect_exactly stopped state
expect "data@1" virsh vol-list pool
expect_not "$data" virsh domblklist vm
expect "nothing was written" eval "tool attach -q '$data' vm sda; tool detach '$data'"
ok "it is attached, and detached with what was written as a new state; a path stands for pool and volume"

tool attach -q pool data vm sda
writes 2
virsh detach-disk vm sda --live
virsh destroy vm
workers_done
expect_exactly 2 content "$POOL/volumes/data.img"
virsh start vm --paused
tool attach -q pool data vm sda
writes 3
virsh managedsave vm
workers_done
expect_exactly saved state
virsh start vm
writes 4
virsh destroy vm
workers_done
expect_exactly 4 content "$POOL/volumes/data.img"
ok "it is saved, restored and ended with its domain, also if libvirt has detached it meanwhile"

# Not ended, and nothing to detach: what is left if the command is killed behind its first step.
virsh start vm --paused
tool attach -q pool data vm sda
virsh detach-disk vm sda --live
expect "continues with its leftover" tool attach pool data vm sdb
virsh detach-disk vm sdb --live
expect "data is detached" tool detach pool data
tool attach -q pool data vm sda --config
expect "$data" virsh domblklist vm --inactive
writes 5
fails_with "definition & still has & --config" eval 'tool detach pool data >&2; false'
expect_exactly 5 content "$POOL/volumes/data.img"
tool attach -q pool data vm sda
tool detach -q pool data vm --config
expect_not "$data" virsh domblklist vm --inactive
ok "what was cut off is gone on with or ended; the definition is changed if that is asked for"

tool start -q pool data
virsh attach-disk vm "$data" sda --live --targetbus scsi --subdriver raw
writes 6
expect "committed" tool detach pool data
expect_exactly 6 content "$POOL/volumes/data.img"
tool start -q pool data
fails_with "no running domain & virt-reflink stop" tool detach pool data
fails_with "'data' is no disk of domain 'vm'" tool detach pool data vm
tool stop -q pool data
ok "so is what was started by hand and attached with virsh"

tool attach -q pool data vm sda --readonly
expect "<readonly/>" virsh dumpxml vm
expect "dropped" tool detach pool data
create_snapshot pool s "$POOL/vm/template.img"
virsh vol-create-as pool hot/volatile 1M
virsh vol-create-as pool hot/direct 1M
for volume in s hot/volatile hot/direct; do
    tool attach -q pool "$volume" vm sda
    expect_exactly running state "$volume"
    data=$(virsh vol-path "$volume" pool) writes 7
    tool detach pool "$volume" >>"$LAB/outcomes"
    expect_exactly stopped state "$volume"
done
expect_exactly 2 grep -c "dropped" "$LAB/outcomes"
expect_exactly 7 content "$POOL/hot/direct.img"
ok "each kind ends in its way, and what is only read is not committed"

# Its device model may have had the image, written to it, and put the date back: that is another state.
id()
{
    getfattr --only-values -n trusted.libvirt-reflink.id "$POOL/hot/direct.img"
}

before=$(id)
fails_with "cannot attach" tool attach pool hot/direct vm sda --bus usb
expect_exactly stopped state hot/direct
[ -n "$before" ] && [ "$(id)" != "$before" ] || die "the image of a direct volume that was refused has its old id"
ok "what a direct volume has after libvirt refused it is a new state"

document 0 attach pool data vm sda --bus scsi
has "vm qemu sda $data False False True" "domain['name']" "domain['driver']" target path readonly continued changed
document 1 attach pool data vm sdb
has "exists False" "error['code']" changed
writes 8
document 0 detach pool data
has "vm sda committed True" "domain['name']" target result "revision > 0"
tool start -q pool data
virsh attach-disk vm "$data" sda --live --targetbus scsi --subdriver raw
document 0 detach pool data
has unwritten result
documents_fit || die "a document is not as the schema says"
ok "JSON has the domain, the disk, and what became of the volume"

tool attach -q pool data vm sda
virsh snapshot-create-as vm one --disk-only --no-metadata --diskspec "sda,file=$LAB/one" \
    --diskspec hda,snapshot=no --diskspec hdb,snapshot=no --diskspec hdc,snapshot=no --diskspec hdd,snapshot=no
fails_with "'data' & 'sda' & external snapshot & blockcommit" tool detach pool data
virsh blockcommit vm sda --active --pivot --wait
writes 8
expect "committed" tool detach pool data
ok "what is below an external snapshot is not detached"

# The overlays are unplugged, and only the record of their snapshot says what they lie on.
tool attach -q pool data vm sda
tool attach -q pool s vm sdb
writes 7
virsh snapshot-create-as vm two --disk-only --diskspec "sda,file=$LAB/two-a" --diskspec "sdb,file=$LAB/two-b" \
    --diskspec hda,snapshot=no --diskspec hdb,snapshot=no --diskspec hdc,snapshot=no --diskspec hdd,snapshot=no
for target in sda sdb; do
    virsh detach-disk vm $target --live
    ! has_disk $target || die "'$target' is still there"
done
refused "'data' & external snapshot & 'vm'" "$POOL" tool detach pool data
refused "'s' & external snapshot & 'vm'" "$POOL" tool detach pool s
expect_exactly 7 content "$data"
virsh snapshot-delete vm two --metadata
expect "committed" tool detach pool data
expect "dropped" tool detach pool s
ok "nor what is below one whose disk was unplugged"

# A program that writes to the clean image keeps the end waiting. Meanwhile the domain gets the disk again,
# and is saved with it.
tool attach -q pool data vm sda
writes 5
exec 3<>"$POOL/volumes/data.img"
tool detach pool data >"$LAB/said" 2>&1 &
detaching=$!

has_no_disk()
{
    ! has_disk "$1"
}

eventually 10 has_no_disk sda
tool attach -q pool data vm sda
writes 6
wait "$detaching" || true
expect "again meanwhile" cat "$LAB/said"
exec 3>&-
expect_exactly 6 content "$data"
expect "committed" tool detach pool data
ok "what the domain was given again meanwhile stays its own"

# The guest has no driver that would release a PCI device; a reset does.
tool attach -q pool data vm vda
writes 9
document 1 detach pool data --timeout 0
has "busy vda True" "error['code']" target changed
has_words "'vm' & not released disk 'vda' & again" <"$LAB/complaint"
tool detach pool data >"$LAB/said" 2>&1 &
detaching=$!
virsh destroy vm
wait "$detaching" || expect "is not running" cat "$LAB/said" # it came too late
workers_done
expect_exactly stopped state
expect_exactly 9 content "$POOL/volumes/data.img"
virsh start vm --paused
tool attach -q pool data vm vda
writes 0
fails_with "'vm' & not released disk 'vda' & again" tool detach pool data --timeout 0
expect_exactly running state
virsh reset vm
# libvirt 9.0.0 may crash if a disk is to be detached at the moment when its guest releases it.
eventually 10 has_no_disk vda
expect "committed" tool detach pool data
expect_exactly 0 content "$POOL/volumes/data.img"
ok "a disk that the guest keeps stays its own, until the guest releases it"

# The command is killed while libvirt's daemon waits for the emulator, or is about to be asked.
emulator=$(cat /run/libvirt/qemu/vm.pid)
kill -STOP "$emulator"
"$STAGE_DIR/bin/virt-reflink" attach pool data vm sda &
attaching=$!
eventually 10 test -e "$data"
kill -KILL "$attaching"
! wait "$attaching" || die "attached to an emulator that was stopped"
kill -CONT "$emulator"
expect "is detached" tool detach pool data
expect_not "$data" virsh domblklist vm
expect_exactly stopped state
ok "what a command that was killed has begun is ended by the next"

# The daemon is killed while its emulator makes it wait.
kill -STOP "$emulator"
tool attach pool data vm sda 2>"$LAB/said" &
attaching=$!
eventually 10 test -e "$data"
lab_kill_libvirtd
! wait "$attaching" || die "attached by a daemon that was killed"
expect "not known whether" cat "$LAB/said"
kill -CONT "$emulator"
lab_start_libvirtd
virsh destroy vm
workers_done
virsh start vm --paused
tool attach -q pool data vm sda
expect "is detached" tool detach pool data
expect_exactly 0 content "$POOL/volumes/data.img"
ok "what a daemon that was killed may have attached stays the domain's"
done_testing
