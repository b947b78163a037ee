#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# How a run ended is proved by what libvirt notes of it while it ends; its log, which has what there was
# room for and what a device model wants to stand there, and files of earlier runs prove nothing.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
log=/var/log/libvirt/qemu
mkdir -p "$log"
mount -t tmpfs -o size=256k libvirt-reflink "$log"
cleanup_fn umount -l "$log"
kinds_make "$dir"
managed=/var/lib/libvirt/qemu/save/vm.save
notes=/run/libvirt-reflink
uuid=00000000-0000-4000-8000-000000000001
count=0

# counted: one more run is committed, of all kinds in their own way.
counted()
{
    workers_done
    count=$((count + 1))
    kinds_committed $count
}

# fill_log: not one byte more goes into the domain's log.
fill_log()
{
    local size

    size=$(stat -c %s "$log/vm.log")
    head -c $((4096 - size % 4096)) /dev/zero | tr '\0' '\n' >>"$log/vm.log"
    ! cat /dev/zero >"$log/fill" 2>/dev/null || die "the log's file system has no end"
    ! echo more >>"$log/vm.log" 2>/dev/null || die "there is room in the log"
}

kinds_start_idle
virsh destroy vm
counted
fill_log
kinds_start_idle
kinds_note_disks
virsh save vm "$LAB/vm.save"
expect "reason=destroyed" cat "$log/vm.log"
expect_not "reason=saved" cat "$log/vm.log"
saved_well
virsh restore "$LAB/vm.save"
kinds_same_disks
virsh destroy vm
counted
ok "saved with a full log, in which the last end is the run before: the disks of all kinds stay"

kinds_start_idle
kill -KILL "$(cat /run/libvirt/qemu/vm.pid)"
eventually 20 domain_is_off vm
counted
kinds_start_idle
lab_kill_libvirtd
kill -KILL "$(cat /run/libvirt/qemu/vm.pid)"
lab_start_libvirtd
eventually 20 domain_is_off vm
workers_done
expect_info vm/persistent leftover
virsh start vm
kinds_idle
[ "$(kinds_counts)" = "5 102 2 5" ] || die "the guest has counted $(kinds_counts)"
virsh destroy vm
count=4
counted
ok "a death is told with a full log as well; where the daemon was away meanwhile, all is kept"

# As libvirt 11.3.0 leaves it where the emulator is asked to end in the middle of a save, and the daemon is killed.
kinds_start_idle
kinds_note_disks
lab_kill_libvirtd
kill -KILL "$(cat /run/libvirt/qemu/vm.pid)"
sed -i "s/<domstatus state='running' reason='[a-z]*'/<domstatus state='shutdown' reason='unknown'/
    s|^</domstatus>|<job type='none' async='save'/>&|" /run/libvirt/qemu/vm.xml
grep -q "state='shutdown'" /run/libvirt/qemu/vm.xml && grep -q "async='save'" /run/libvirt/qemu/vm.xml ||
    die "the status is another one: $(cat /run/libvirt/qemu/vm.xml)"
lab_start_libvirtd
eventually 20 domain_is_off vm
workers_done
kinds_same_disks
expect_info vm/persistent leftover
virsh start vm
kinds_idle
[ "$(kinds_counts)" = "$((count + 2)) 102 2 $((count + 2))" ] ||
    die "the guest has counted $(kinds_counts)"
virsh destroy vm
count=$((count + 1))
counted
ok "so they are of who was in the middle of a save then, which is not told from one who was saved"
rm "$log/fill"

kinds_start_idle
virsh managedsave vm
cp -p $managed "$LAB/old.save"
virsh start vm
virsh destroy vm
counted
cp -p "$LAB/old.save" $managed
virsh create "$LAB/vm.xml"
kinds_idle
[ -e $managed ] || die "libvirt has removed the managed save file"
virsh destroy vm
counted
ok "the managed save file of an earlier run does not make a run a saved one"

rm -f $managed
kinds_start_idle
kinds_note_disks
virsh save vm "$LAB/vm.save"
cp -p "$LAB/old.save" $managed
saved_well
! getfattr -n trusted.libvirt-reflink.save-file "$POOL/vm/persistent-dirty.img" 2>/dev/null ||
    die "the other file is noted as the saved memory"
virsh restore "$LAB/vm.save"
kinds_same_disks
[ -e $managed ] || die "libvirt has removed the managed save file"
virsh destroy vm
counted
rm -f $managed
ok "nor that of a run that was restored from another file"

kinds_start_idle
echo "$(date -u '+%F %T.000+0000'): shutting down, reason=saved" >>"$log/vm.log"
virsh destroy vm
counted
ok "a 'saved' in the log that a 'destroyed' of libvirt's follows is none"

# forge REASON: an emulator that a guest has taken over writes that as its last words.
forge()
{
    cat >/etc/libvirt/hooks/qemu.d/00-forge <<-END
	#!/bin/sh
	[ "\$2" != stopped ] ||
	    echo "\$(date -u '+%F %T.%3N+0000'): shutting down, reason=$1" >>"$log/vm.log"
	END
    chmod +x /etc/libvirt/hooks/qemu.d/00-forge
}

for reason in saved migrated failed whatever; do
    forge $reason
    kinds_start_idle
    virsh destroy vm
    tail -n 1 "$log/vm.log" | grep -q "reason=$reason" || die "no forged line is the last one"
    counted
done
rm /etc/libvirt/hooks/qemu.d/00-forge
ok "nor is one that nothing follows, nor another word, where the status proves the end"

kinds_start_idle
rm "$notes/run-qemu-$uuid"
virsh destroy vm
counted
kinds_start_idle
kinds_note_disks
rm "$notes/run-qemu-$uuid"
virsh save vm "$LAB/vm.save"
saved_well
virsh restore "$LAB/vm.save"
virsh destroy vm
counted
ok "a run that an older hook has begun ends as ever"

# As libvirt leaves it at the source of a migration whose end its daemon did not live to see.
kinds_start_idle
virsh suspend vm
lab_stop_libvirtd
sed -i "s/state='paused' reason='user'/state='paused' reason='migration'/" /run/libvirt/qemu/vm.xml
lab_start_libvirtd
expect migrating virsh domstate --reason vm
kinds_note_disks
kill -KILL "$(cat /run/libvirt/qemu/vm.pid)"
eventually 20 domain_is_off vm
kinds_same_disks
virsh start vm
kinds_idle
[ "$(kinds_counts)" = "$((count + 2)) 102 2 $((count + 2))" ] ||
    die "the guest has counted $(kinds_counts)"
virsh destroy vm
count=$((count + 1))
counted
ok "what waits at the source of a migration is not what came by one: its disks are kept"

kinds_start_idle
kinds_note_disks
rm "$notes/run-qemu-$uuid" "$notes/started-qemu-$uuid"
virsh destroy vm
kinds_same_disks
virsh start vm
kinds_idle
[ "$(kinds_counts)" = "$((count + 2)) 102 2 $((count + 2))" ] ||
    die "the guest has counted $(kinds_counts)"
virsh destroy vm
count=$((count + 1))
counted
ok "without any witness but the log the disks of all kinds are kept"

! compgen -G "$notes/run-*" >/dev/null || die "left: $(ls $notes)"
no_temporary
done_testing
