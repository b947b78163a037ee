#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Something foreign in the place of each of a volume's files: a link, a fifo, a device... Whatever
# is then done with the volume, nothing waits for it, nothing outside of the pool is touched, no device is
# opened; and when it is gone, the volume is what it was. What a listing makes of them:
# foreign-files.sh.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states hostile later -- strace perl mkfifo mknod getfattr timeout
watch_daemon
lab_start_libvirtd
sentinel_make "$dir/outside"

reflink_pool qubes "$pool" "<reflink:volume match='vm/volatile' kind='volatile'/>"
random_file "$LAB/data" 64K
random_file "$LAB/upload" 64K
virsh vol-create-as qubes vm/disk 64K
virsh vol-upload vm/disk "$LAB/data" --pool qubes
create_snapshot qubes vm/snapshot "$pool/vm/disk.img"
virsh vol-create-as qubes vm/volatile 64K
virsh vol-clone vm/disk vm/disk@label --pool qubes
eventually 10 test -e "$pool/vm/disk-precache.img"
revision=$(cd "$pool/vm" && echo disk.img.1@*)
[ -e "$pool/vm/$revision" ]

combinations=0 failed=0 succeeded=0

# What the command can do with the two volumes, one after the other, each with its status.
cat >"$LAB/commands" <<'END'
for word in start stop discard info; do
    for volume in vm/disk vm/snapshot; do
        timeout -k 1 20 "$1" $word "$2" $volume 2>&1
        echo "status $?"
    done
done
timeout -k 1 20 "$1" list "$2" 2>&1
echo "status $?"
END

# commands: all of that; what fails says why.
commands()
{
    local refused

    watched bash "$LAB/commands" "$STAGE_DIR/bin/virt-reflink" "$pool" >"$LAB/said" || true
    ! grep -E -q '^status (124|137)' "$LAB/said" || die "$kind as $role: a command hangs"
    [ "$(grep -c '^status' "$LAB/said")" = 9 ]
    refused=$(grep -c '^status 1$' "$LAB/said" || true)
    [ "$refused" = "$(grep -c '^virt-reflink: .' "$LAB/said")" ] || die "$(cat "$LAB/said")"
    failed=$((failed + refused))
    succeeded=$((succeeded + 9 - refused))
}

# All that an administrator may do, one after the other; virsh goes on after an error.
operate()
{
    local status=0 errors

    timeout -k 1 60 virsh -c qemu:///system -q >"$LAB/said" 2>&1 <<-END || status=$?
	pool-refresh qubes
	vol-list qubes --details
	vol-dumpxml vm/disk qubes
	vol-dumpxml vm/snapshot qubes
	vol-download vm/disk $LAB/downloaded --pool qubes
	vol-clone vm/disk vm/clone --pool qubes
	vol-clone vm/disk vm/disk@new --pool qubes
	vol-clone vm/disk@label vm/disk@current --pool qubes
	vol-upload vm/disk $LAB/upload --pool qubes
	vol-resize vm/disk 128K --pool qubes
	vol-create-as qubes vm/new 64K
	vol-delete vm/new qubes
	vol-delete vm/clone qubes
	vol-delete vm/disk@new qubes
	END
    [ $status -lt 124 ] || die "$kind as $role: an operation hangs"
    errors=$(grep -c '^error: Failed' "$LAB/said" || true)
    failed=$((failed + errors))
    succeeded=$((succeeded + 14 - errors))
    commands
}

# put_back: the foreign thing goes, and so does all that came of it.
put_back()
{
    rm -rf --one-file-system "$pool/vm"
    cp -a --reflink "$dir/kept" "$pool/vm"
}

cp -a --reflink "$pool/vm" "$dir/kept"

# try ROLE FILE KIND
try()
{
    role=$1 kind=$3
    rm -rf --one-file-system "${pool:?}/$2"
    foreign "$kind" "$pool/$2"
    combinations=$((combinations + 1))
    operate
    sentinel_unchanged
    put_back
}

all_kinds()
{
    local kind

    for kind in $FOREIGN_KINDS; do
        try "$1" "$2" "$kind"
    done
    virsh pool-refresh qubes
    start_volume vm/disk
    stop_volume vm/disk
    holds vm/disk "$LAB/data"
    ok "foreign things as $1"
}

all_kinds "a volume's clean image" vm/disk.img
all_kinds "a volume's dirty image" vm/disk-dirty.img
all_kinds "a volume's precache" vm/disk-precache.img
all_kinds "a volume's record" vm/disk.volume.xml
all_kinds "a snapshot's record" vm/snapshot.volume.xml
all_kinds "a volume's revision" "vm/$revision"
all_kinds "the next revision" "vm/disk.img.2@2018-01-02T03:04:05Z"
all_kinds "a volume's named revision" vm/disk.img@label
all_kinds "a volume's temporary" vm/disk.img~0123ab
all_kinds "a volume's directory" vm

eventually 10 has_drafts 0
watch_is_clean
echo "# $combinations combinations; $succeeded operations succeeded, $failed were refused"
[ $combinations = 90 ] && [ $succeeded -gt 500 ] && [ $failed -gt 100 ]
ok "nothing was opened, made or removed elsewhere, and no device was opened"

done_testing
