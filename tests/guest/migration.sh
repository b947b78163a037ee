#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A domain goes to another host, with its disks. What came of a migration that was broken off is no run
# there: never committed, and no plain start goes on with it. After one that was not, the run is over here.
# The other host is a second daemon with directories, and a file system at the same path, of its own.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64 nsenter
POOL=$dir/pool
kinds="persistent snapshot volatile direct"

ports=$((49152 + RANDOM % 400 * 40))

cat >"$LAB/host2" <<END
set -eu
hostname host2
for directory in /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /run; do
    mount -t tmpfs -o mode=755 host2 \$directory
done
lab=$LAB; . $SOURCE_DIR/tests/lib/lab.sh; LAB=\$lab
prepare_libvirt
mkdir -p $LAB/h2
make_filesystem $FS $LAB/h2.img 1G
mount_filesystem $LAB/h2.img $dir
# Tests that run side by side have the same network.
printf 'migration_port_min = %d\nmigration_port_max = %d\n' $ports $((ports + 39)) \
    >>/etc/libvirt/qemu.conf
printf 'unix_sock_dir = "$LAB/h2"\nhost_uuid = "00000000-0000-4000-8000-00000000f002"\n' \
    >>/etc/libvirt/libvirtd.conf
export LIBVIRT_STORAGE_BACKEND_DIR=$STAGE_DIR/lib/libvirt-reflink/storage-backend
exec libvirtd --pid-file /run/libvirtd.pid >$LAB/h2.log 2>&1
END
unshare --mount --uts --propagation private bash "$LAB/host2" &
host2=$!
uri2="qemu+unix:///system?socket=$LAB/h2/libvirt-sock"

leave_host2()
{
    local device

    v2 destroy vm >/dev/null 2>&1
    in2 umount -l "$dir"
    kill $host2
    wait $host2
    for device in $(losetup -n -O NAME -j "$LAB/h2.img"); do
        losetup -d "$device"
    done
    true
}

v2()
{
    command virsh -q -c "$uri2" "$@"
}

in2()
{
    nsenter -t $host2 -m -u "$@"
}

cleanup_fn leave_host2
eventually 60 v2 uri

# The same volumes on both; on the other one with an older state: its counters are 7, or 100.
kinds_make "$dir"
virsh vol-resize vm/persistent 16M --pool pool
head -c 15M /dev/urandom | write_image "$POOL/vm/persistent.img" 1048576
v2 pool-define "$LAB/pool.pool.xml"
v2 pool-build pool
v2 pool-start pool
v2 vol-create-as pool vm/persistent 16M
for kind in template direct volatile; do
    v2 vol-create-as pool "vm/$kind" 1M
done
volume_document vm/snapshot 0 "<backingStore><path>$POOL/vm/template.img</path></backingStore>" \
    >"$LAB/volume.xml"
v2 vol-create pool "$LAB/volume.xml"
printf '\7\0\0\0' >"$LAB/seven"
in2 dd if="$BOOT_IMAGE" of="$POOL/vm/persistent.img" conv=notrunc status=none
for kind in persistent direct; do
    in2 dd if="$LAB/seven" of="$POOL/vm/$kind.img" bs=512 seek=1 conv=notrunc status=none
done
# They would be the state before an edit.
in2 rm -f "$POOL"/vm/*-precache.img
in2 sync
# libvirt looks for a file before the hook has made it, but not for a volume.
disks=()
for kind in $kinds; do
    disks+=("$(disk volume "pool='pool' volume='vm/$kind'")")
done
define_disks "${disks[@]}"
v2 define "$LAB/vm.xml"

# info2 VOLUME TEXT: what virt-reflink there knows of it.
info2()
{
    expect "$2" in2 "$STAGE_DIR/bin/virt-reflink" info "$POOL" "$1"
}

counter2()
{
    in2 od -An -t u4 -j 512 -N 4 "$POOL/vm/$1" | tr -d ' '
}

# migrate OPTION...: as a user does.
migrate()
{
    command virsh -q -c qemu:///system migrate --live --persistent --copy-storage-all "$@" vm "$uri2" \
        tcp://127.0.0.1
}

half_has_come()
{
    [ "$(in2 stat -c %b "$POOL/vm/persistent-dirty.img")" -gt 4096 ]
}

half_has_come_or_failed()
{
    half_has_come || ! kill -0 "$1" 2>/dev/null
}

# broken_off COMMAND...: that is done while the storage is copied, and ends the migration.
broken_off()
{
    migrate --bandwidth 2 >"$LAB/said" 2>&1 &
    local job=$!

    eventually 90 half_has_come_or_failed $job
    half_has_come || die "the migration itself failed: $(cat "$LAB/said"; tail -n 20 "$LAB/h2.log")"
    "$@"
    ! wait $job || die "it has come"
    eventually 90 dead2
    workers_done
    expect running virsh domstate vm
    [ "$(counter2 persistent.img)" = 7 ] || die "the other host's clean image has $(counter2 persistent.img)"
    expect "" in2 find "$POOL" -name 'persistent.img.*'
}

# left2 FILE...: these dirty images are there, and no plain start has them.
left2()
{
    local file

    expect_exactly "$(printf '%s-dirty.img\n' "$@")" \
        in2 sh -c "cd $POOL/vm && ls | grep dirty"
    for file in "$@"; do
        info2 "vm/$file" suspect
    done
    fails_with "migration & aborted & virt-reflink continue" v2 start vm
}

dead2()
{
    [ "$(v2 domstate vm)" = "shut off" ]
}

kill_emulator()
{
    # shellcheck disable=SC2016
    in2 sh -c 'kill -KILL $(cat /run/libvirt/qemu/vm.pid)'
}

kinds_start_idle
broken_off eventually 20 virsh domjobabort vm
left2 direct
ok "broken off from here: what came is dropped there, but of a direct volume, which has no other image"
broken_off kill_emulator
left2 direct
broken_off kill_emulator
left2 direct
ok "so it is when the emulator there dies, as often as that happens"

# site COMMAND: a hook of the site, there and behind ours, does that between the announcement of a
# migration and its start.
site=/etc/libvirt/hooks/qemu.d/60-site
site()
{
    # shellcheck disable=SC2016
    in2 sh -c 'printf "#!/bin/sh\n[ \$2 != migrate ] || %s\n" "$1" >$0; chmod +x $0' $site "$1"
}

# As if that had taken long.
site "sed -i s/^since=.*/since=-1/ /run/libvirt-reflink/arriving-*"
broken_off eventually 20 virsh domjobabort vm
left2 direct
ok "so it is where much time goes by after it was announced"

site "rm /run/libvirt-reflink/arriving-*"
in2 "$STAGE_DIR/bin/virt-reflink" continue "$POOL" vm/direct >/dev/null
direct2=$(in2 sha256sum "$POOL/vm/direct-dirty.img")
fails_with "vm/direct & leftover & migration" migrate
eventually 20 dead2
workers_done
expect_exactly "$direct2" in2 sha256sum "$POOL/vm/direct-dirty.img"
expect_exactly direct-dirty.img in2 sh -c "cd $POOL/vm && ls | grep dirty"
in2 "$STAGE_DIR/bin/virt-reflink" stop "$POOL" vm/direct >/dev/null
broken_off eventually 20 virsh domjobabort vm
left2 direct
in2 rm $site
ok "and where the start did not know of it: onto what an earlier run has left it is refused"

# The log alone says that it failed, which it says of what came half as well.
hook=/etc/libvirt/hooks/qemu.d/50-reflink
in2 mv $hook /etc/libvirt/hook
# shellcheck disable=SC2016
in2 sh -c 'printf "#!/bin/sh\n[ \$2 = stopped ] || exec /etc/libvirt/hook \"\$@\"\n" >$0; chmod +x $0' $hook
broken_off eventually 20 virsh domjobabort vm
in2 rm -f "$POOL/vm/snapshot-dirty.img" "$POOL/vm/volatile-dirty.img"
left2 direct persistent
in2 "$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/persistent >/dev/null
in2 mv /etc/libvirt/hook $hook
ok "without the hook that was to see its end it is kept for a person"

# libvirt does not note any more what it was waiting for, so it may have run.
broken_off v2 destroy vm
in2 rm "$POOL/vm/snapshot-dirty.img" "$POOL/vm/volatile-dirty.img"
left2 direct persistent
broken_off eventually 20 virsh domjobabort vm
left2 direct persistent
ok "ended there: it is kept for a person, also by the next migration, which is one of the whole state"

# It is announced to the hook there, and fails before it prepares anything, of which no hook hears.
announce_and_fail()
{
    virsh dumpxml --migratable vm | sed 's|<emulator>.*<|<emulator>/nowhere<|' >"$LAB/nowhere.xml"
    fails_with "/nowhere" migrate --xml "$LAB/nowhere.xml"
}

persistent2=$(in2 sha256sum "$POOL/vm/persistent-dirty.img")
announce_and_fail
fails_with "migration & aborted" v2 start vm
workers_done
left2 direct persistent
expect_exactly "$persistent2" in2 sha256sum "$POOL/vm/persistent-dirty.img"
ok "a start after a migration that failed before it began is none: what another left is a person's still"

in2 "$STAGE_DIR/bin/virt-reflink" continue "$POOL" vm/direct >/dev/null
in2 "$STAGE_DIR/bin/virt-reflink" discard "$POOL" vm/persistent >/dev/null
announce_and_fail
# No process of ours may have to see it: one that libvirt's service has no room for.
# shellcheck disable=SC2016
in2 sh -c 'mv $0 /etc/libvirt/hook; printf "#!/bin/sh\n%s=%s exec /etc/libvirt/hook \"\$@\"\n" LD_PRELOAD $1 >$0
    chmod +x $0' $hook "$BUILD_DIR/tests/one-fork.so"
v2 start vm
in2 mv /etc/libvirt/hook $hook
# Its guest may have ended by itself meanwhile.
v2 destroy vm || eventually 60 dead2
workers_done
info2 vm/persistent stopped
expect_exactly "" in2 find "$POOL" -name '*-dirty.img'
ok "when a person has decided, the domain starts there"

migrate
workers_done
expect running v2 domstate vm
expect "shut off" virsh domstate vm
[ "$(counter "$POOL/vm/persistent.img") $(counter "$POOL/vm/direct.img")" = "1 1" ] || die "not committed here"
kinds_no_dirty
expect_revisions vm/persistent 1
for kind in $kinds; do
    info2 "vm/$kind" running
done
v2 destroy vm
workers_done
[ "$(counter2 persistent.img) $(counter2 direct.img)" = "1 1" ] || die "not committed there"
expect_exactly "" in2 find "$POOL" -name '*-dirty.img'
ok "a domain that has come is a run like any other there, and over here"

kinds_start_idle
virsh suspend vm
migrate
workers_done
expect "paused (user)" v2 domstate --reason vm
kinds_no_dirty
v2 destroy vm
workers_done
expect_exactly "" in2 find "$POOL" -name '*-dirty.img'
ok "one that was paused goes paused, and ends in the same way"

# The directory may be the other host's as well: then these are the disks that the guest runs on.
own_directory /var/lib nfs
echo "$dir *(rw)" >/var/lib/nfs/etab
virsh start vm
kinds_idle
kinds_note_disks
migrate
kinds_same_disks
v2 destroy vm
ok "where the directory is exported nothing is dropped or committed here"
no_temporary
done_testing
