#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Every way in which a domain can end, and what becomes of a volume of each kind.
# docs/domains.md has the table; the sentences here are its rows.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
kinds_make "$dir"

# expect_end NUMBER REVISIONS: the N-th run saw the right disks, has ended, and was committed.
expect_end()
{
    expect_exactly "$1 101 1 $1" kinds_counts
    kinds_committed "$1"
    expect_revisions vm/persistent "$2"
    expect_exactly "" revisions vm/direct
}

guest_pid()
{
    cat /run/libvirt/qemu/vm.pid
}

guest_run vm
expect_end 1 "1"
ok "poweroff: persistent and direct keep what was written, snapshot and volatile begin anew"

kinds_start_idle
virsh destroy vm
expect_end 2 "1 2"
ok "destroy: the same"

kinds_wish C
guest_run vm
expect "crashed" virsh domstate --reason vm
expect_end 3 "2 3"
ok "a crash of the guest: the same"

kinds_start_idle
kill -KILL "$(guest_pid)"
guest_wait vm
expect_end 4 "3 4"
ok "a crash of the device model: the same"

kinds_wish R
guest_run vm
expect_exactly "5 101 1 5 6 102 2 6" kinds_counts
kinds_committed 6
expect_revisions vm/persistent "4 5"
ok "a reboot inside of one run goes on with all its disks; one revision for the whole run"

kinds_define "<on_reboot>destroy</on_reboot>"
kinds_wish R
guest_run vm
expect_end 7 "5 6"
ok "a reboot that libvirt makes an end of is an end"
kinds_define

# The images but what a worker may be about to make or remove.
images()
{
    find "$POOL/vm" ! -name '*-precache.img' ! -name '*~*' -printf '%f %i\n' | sort
}

# Starts that fail: libvirt says "failed", and nothing was written.
# failed_start EXTRA-SED REGEX
failed_start()
{
    local before
    before=$(images)
    sed "$1" "$LAB/vm.xml" >"$LAB/failing.xml"
    virsh define "$LAB/failing.xml"
    fails_with "$2" virsh start vm
    virsh define "$LAB/vm.xml"
    eventually 5 test ! -e "$POOL/vm/volatile-dirty.img"
    kinds_committed "$runs"
    diff <(echo "$before") <(images) || die "something was made"
    expect_revisions vm/persistent "$revisions"
}
runs=7 revisions="5 6"
kinds_wish -
sleep 2.1 # image dates are too coarse to tell a write in the second after this one
failed_start "s,$POOL/vm/direct-dirty.img,$LAB/missing.img," "missing.img"
failed_start "s,<serial .*</serial>,<serial type='file'><source path='/nonexistent/x'/></serial>," "."
python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True); time.sleep(600)' >"$LAB/port" &
disown # its end is no news
eventually 10 test -s "$LAB/port"
failed_start "s,<serial .*</serial>,<serial type='tcp'><source mode='bind' host='127.0.0.1' service='$(cat "$LAB/port")'/></serial>," "in use"
failed_start "s,$POOL/vm/direct-dirty.img,$POOL/vm/nobody-dirty.img," "no volume & 'vm/nobody'"
guest_run vm
expect_end 8 "6 7"
ok "a start that fails (no such disk, no such volume, a device model that gives up) leaves all as it was"

kinds_start_idle
lab_restart_libvirtd
expect "running" virsh domstate vm
expect "Capacity" virsh vol-info vm/persistent --pool pool
[ -e "$POOL/vm/volatile-dirty.img" ] || die "the restart took a disk away"
virsh destroy vm
expect_end 9 "7 8"
ok "libvirtd restarted under the domain: its end is as usual"

kinds_start_idle
lab_kill_libvirtd
lab_start_libvirtd
expect "running" virsh domstate vm
virsh destroy vm
expect_end 10 "8 9"
ok "libvirtd killed under the domain: its end is as usual"

kinds_start_idle
pid=$(guest_pid)
lab_stop_libvirtd
kill -KILL "$pid"
lab_start_libvirtd
guest_wait vm
expect_end 11 "9 10"
ok "a domain that died while libvirtd was away is ended when that comes back"

kinds_start_idle
pid=$(guest_pid)
lab_kill_libvirtd
kill -KILL "$pid"
lab_start_libvirtd
guest_wait vm
expect_end 12 "10 11"
ok "the same with a libvirtd that was killed"

kinds_start_idle
host_loses_power
expect "leftover" "$STAGE_DIR/bin/virt-reflink" info "$POOL" vm/persistent
virsh start vm
kinds_idle
expect_exactly "14 101 1 14" kinds_counts
virsh destroy vm
expect_end 14 "11 12"
ok "host power loss: the next start goes on with persistent and direct, and begins the others anew"

no_temporary
ok "no temporary is left"
done_testing
