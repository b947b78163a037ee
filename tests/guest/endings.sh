#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# However a domain ends, what its guest wrote is committed, once; where it wrote nothing, nothing.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest -- qemu-system-x86_64

guest_pool "$pool" "<reflink:revisions keep='100'/>"
boot_volume vm/root
guest_domain vm vm/root
clean=$pool/vm/root.img
dirty=$pool/vm/root-dirty.img

# committed COUNTER REVISION: that is what the disk holds now, and its newest revision.
committed()
{
    eventually 20 test ! -e "$dirty"
    [ "$(counter "$clean")" = "$1" ] || die "the counter is $(counter "$clean"), not $1"
    newest=$(cd "$pool/vm" && printf '%s\n' root.img.* | sort -t . -k 3 -n | tail -n 1)
    [[ $newest == root.img.$2@* ]] || die "the newest revision is $newest, not $2"
}

# start_with_wish LETTER: starts, and has the guest end like that (see boot.S).
start_with_wish()
{
    virsh start vm --paused
    guest_wish "$dirty" "$1"
    : >"$LAB/vm.serial"
    virsh resume vm
}

guest_pid()
{
    cat /run/libvirt/qemu/vm.pid
}

# --- ends of all sorts

guest_run vm
committed 1 1
ok "a guest that powers off"

start_with_wish P
guest_says vm "disk 0: 2"
virsh destroy vm
committed 2 2
ok "one that is destroyed"

start_with_wish P
guest_says vm "disk 0: 3"
kill -KILL "$(guest_pid)"
eventually 20 domain_is_off vm
committed 3 3
ok "one whose emulator was killed"

start_with_wish C
guest_says vm "disk 0: 4"
eventually 20 domain_is_off vm
expect crashed virsh domstate vm --reason
committed 4 4
ok "one that crashes"

start_with_wish R
guest_says vm "disk 0: 6"
eventually 20 domain_is_off vm
committed 6 5
ok "one that reboots is one run"

start_with_wish P
guest_says vm "disk 0: 7"
virsh reset vm
guest_says vm "disk 0: 8"
virsh shutdown vm || true
virsh destroy vm
committed 8 6
ok "so is one that is reset"

# --- nothing written

guest_wish "$clean" P
sleep 2 # younger, the image's date would prove nothing
before=$(listing "$pool")
virsh start vm --paused
[ -e "$dirty" ]
virsh destroy vm
[ ! -e "$dirty" ]
[ -e "$pool/vm/root-precache.img" ]
same_listing "$pool" "$before"
inode=$(stat -c %i "$pool/vm/root-precache.img")
virsh start vm --paused
[ "$(stat -c %i "$dirty")" = "$inode" ]
virsh destroy vm
same_listing "$pool" "$before"
ok "a guest that wrote nothing leaves no revision, and its image to the next start"

# --- the daemon is away

virsh start vm
guest_says vm "disk 0: 9"
lab_restart_libvirtd
expect running virsh domstate vm
[ -e "$dirty" ]
[ "$(counter "$dirty")" = 9 ]
virsh destroy vm
committed 9 7
ok "a daemon's restart is no end"

virsh start vm
guest_says vm "disk 0: 10"
lab_kill_libvirtd
kill -KILL "$(guest_pid)"
[ -e "$dirty" ]
lab_start_libvirtd
eventually 20 domain_is_off vm
committed 10 8
ok "an end without a daemon is found by the next one"

virsh start vm
guest_says vm "disk 0: 11"
lab_kill_libvirtd
kill -KILL "$(guest_pid)"
rm -f /run/libvirt/qemu/vm.*
lab_start_libvirtd
[ -e "$dirty" ]
expect "<path>$clean</path>" virsh vol-dumpxml vm/root qubes
virsh start vm
guest_says vm "disk 0: 12"
virsh destroy vm
committed 12 9
ok "where nobody knows of it any more, the next start goes on with what is there"

# --- an image that is still open

virsh start vm
guest_says vm "disk 0: 13"
exec 9<>"$dirty"
virsh destroy vm
[ -e "$dirty" ]
[ "$(counter "$clean")" = 12 ]
exec 9>&-
committed 13 10
ok "the commit waits for somebody who can still write"

virsh start vm
guest_says vm "disk 0: 14"
exec 9<"$dirty"
virsh destroy vm
[ ! -e "$dirty" ]
exec 9<&-
committed 14 11
ok "and for nobody who reads"

virsh start vm
guest_says vm "disk 0: 15"
exec 9<>"$dirty"
virsh destroy vm
worker=$(pgrep -x '50-reflink|libvirt-reflink')
kill -STOP "$worker"
exec 9>&-
# Between our hook and the emulator's opening of its disks: the worker of the run before goes on.
cat >/etc/libvirt/hooks/qemu.d/90-late <<END
#!/bin/sh
[ "\$2" != prepare ] || { kill -CONT $worker; sleep 1.5; }
END
chmod +x /etc/libvirt/hooks/qemu.d/90-late
virsh start vm
rm /etc/libvirt/hooks/qemu.d/90-late
guest_says vm "disk 0: 16"
virsh destroy vm
committed 16 12
ok "a start that comes before the commit goes on with the image, and keeps it"

eventually 10 has_volumes vm/root "vm/root@"{1..12}
for number in {2..12}; do
    revision=$(echo "$pool/vm/root.img.$number@"*)
    [ "$(stat -c %Y "$revision")" = "$(date -d "${revision##*@}" +%s)" ]
done
[ "$(counter "$pool/vm/root.img.6@"*)" = 6 ]
[ "$(counter "$pool/vm/root.img.12@"*)" = 14 ]
ok "the revisions are what was at rest before each run"

done_testing
