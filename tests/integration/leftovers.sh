#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# What a pool is spared, and rid of: file systems that other hosts can write to; files of operations that
# were cut off.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states guest -- mountpoint strace

reflink_pool qubes "$pool"

pool_is()
{
    [ "$(virsh pool-info "$1" | awk '$1 == "State:" { print $2 }')" = "$2" ]
}

# --- a file system that several hosts can mount

[ -c /dev/fuse ] || skip "needs /dev/fuse"
mkdir "$LAB/shared"
"$BUILD_DIR/tests/marker-fs" "$pool/.reflink-pool.xml" "$LAB/shared"
define_pool shared "$LAB/shared"
shared="'$LAB/shared' & FUSE"
fails_with "$shared" virsh pool-build shared
fails_with "$shared" virsh pool-start shared
pool_is shared inactive
define_pool inside "$LAB/shared/inside"
fails_with "inside" virsh pool-build inside
ok "what other hosts can mount is neither built nor started as a pool"

# As one that was made before this was refused: it is active, and domains run on it.
"$BUILD_DIR/tests/marker-fs" "$pool/.reflink-pool.xml" "$pool"
lab_restart_libvirtd
pool_is qubes running
pool_is shared inactive
grep -q "'qubes'.*'$pool'.*FUSE" "$LAB/libvirtd.log"
lab_stop_libvirtd
rm -r /run/libvirt/storage # the host boots
lab_start_libvirtd
pool_is qubes inactive
fails_with "'$pool' & FUSE" virsh pool-start qubes
umount "$pool"
virsh pool-start qubes
umount "$LAB/shared"
ok "one that is active already stays so for its domains, until it is stopped or the host boots"

# --- what operations that were cut off have left

random_file "$LAB/data" 1M
virsh vol-create-as qubes vms/disp77/private 1M
virsh vol-upload vms/disp77/private "$LAB/data" --pool qubes
virsh vol-create-as qubes other 1M
eventually 10 has_no_temporaries
strace -f -o /dev/null -p "$LIBVIRTD_PID" -e trace=unlinkat -e inject=unlinkat:signal=KILL &
eventually 10 pgrep -x strace
eventually 10 grep -q "^TracerPid:.*[1-9]" "/proc/$LIBVIRTD_PID/status"
! virsh vol-delete vms/disp77/private qubes || die "the daemon was to be killed"
forget_libvirtd
[ -n "$(find "$pool/vms/disp77" -name '*~*')" ]
lab_start_libvirtd
eventually 10 test ! -e "$pool/vms/disp77"
expect_exactly other volumes qubes
ok "a deletion whose daemon was killed is completed when the pool is listed"

mkdir -p "$pool/gone/deep"
cp "$LAB/data" "$pool/gone/deep/private.img~123abc"
cp "$LAB/data" "$pool/volumes/other.img~123abc"
exec 6<>"$pool/volumes/other.img~123abc"
virsh pool-refresh qubes
eventually 10 test ! -e "$pool/gone/deep"
[ -e "$pool/gone" ] && [ -e "$pool/volumes/other.img~123abc" ]
exec 6>&-
virsh pool-destroy qubes
virsh pool-start qubes
eventually 10 has_no_temporaries
ok "so is what others left, at refresh and start, but not what is still written to"

# --- a volume whose image was lost

virsh vol-create-as qubes lost 1M
virsh vol-upload lost "$LAB/data" --pool qubes
cp "$LAB/data" "$pool/volumes/lost-import.img"
rm "$pool/volumes/lost.img"
virsh pool-refresh qubes
fails_with "'lost@1' & lost.img" virsh vol-create-as qubes lost 1M
fails_with "'lost@1' & lost.img" virsh vol-clone lost@1 lost --pool qubes
virsh vol-clone lost@1 found --pool qubes
virsh vol-delete lost@1 qubes
rm -f "$pool/volumes/lost-precache.img"
virsh vol-create-as qubes lost 1M
cmp "$LAB/data" "$pool/volumes/lost-import.img"
virsh vol-delete lost qubes
virsh vol-delete found qubes
eventually 10 has_no_temporaries
ok "its revisions forbid a new volume of its name, and nobody takes an image that was put there"

# --- what the daemon remembers of volumes that are gone

resident()
{
    awk '/^RssAnon/ { print $2 }' "/proc/$LIBVIRTD_PID/status"
}

# come_and_go FROM TO: disposable volumes, each in a directory of its own.
come_and_go()
{
    local number

    for ((number = $1; number <= $2; number++)); do
        printf 'vol-create-as qubes vms/disp%d/private 1M\n' "$number"
        printf 'vol-info vms/disp%d/private qubes\nvol-delete vms/disp%d/private qubes\n' \
            "$number" "$number"
    done | virsh >/dev/null
}

# The file system has no part in it. With a sanitizer nothing that was freed is used again soon.
if [ "$FS" = xfs ] && ! has_sanitizers; then
    come_and_go 1 300
    before=$(resident)
    come_and_go 301 900
    echo "# $((($(resident) - before) * 1024 / 600)) bytes for each volume that came and went"
    [ $(($(resident) - before)) -lt 420 ]
    expect_exactly other volumes qubes
    ok "the daemon forgets volumes that are deleted"
fi

done_testing
