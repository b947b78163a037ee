#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink snapshot --quiesce: the file systems of the guest are frozen while the revision is made, and thawed
# however that ends. A program plays the guest's agent for libvirt; the rest is real.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds documents -- qemu-system-x86_64 python3
kinds_make "$dir"
agent=$SOURCE_DIR/tests/lib/guest-agent.py
image=$POOL/vm/persistent-dirty.img
log=$LAB/agent.log

# agent_has DID...: that is all that it was told since the last time.
agent_has()
{
    eventually 20 agent_was_told "$@"
    rm -f "$log"
}

agent_was_told()
{
    [ "$(xargs <"$log" 2>/dev/null)" = "$*" ]
}

agent_is_there()
{
    virsh dumpxml vm | grep -q "guest_agent.0' state='connected'"
}

# begin_of LABEL: what the revision vm/persistent@LABEL begins with.
begin_of()
{
    head -c 1 "$POOL/vm/persistent.img@$1"
}

expect "vm/persistent@off is made. " tool snapshot --quiesce pool vm/persistent off
fails_with "--quiesce is for volumes & Usage" tool snapshot --quiesce pool vm/persistent@off other
tool start -q pool vm/persistent
refused "'vm/persistent' & no running domain & Without --quiesce" "$POOL" \
    tool snapshot pool vm/persistent label --quiesce
tool stop -q pool vm/persistent
ok "a volume that is off has nothing to freeze; a dirty image without a running domain is no such state"

kinds_start_idle
kinds_idle
refused "'vm/persistent' & 'vm' & cannot freeze & agent & Without --quiesce" "$POOL" \
    tool snapshot --quiesce pool vm/persistent label
virsh destroy vm
workers_done
ok "without an agent it is refused, and the message says what to do"

python3 "$agent" listen "$LAB/agent.sock" "$log" "$image" &
eventually 10 test -S "$LAB/agent.sock"
kinds_define "
  <devices><channel type='unix'>
    <source mode='connect' path='$LAB/agent.sock'/>
    <target type='virtio' name='org.qemu.guest_agent.0'/>
  </channel></devices>
  <commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'>
    <arg value='-qtest'/><arg value='unix:$LAB/qtest.sock,server=on,wait=off'/>
  </commandline>"
kinds_start_idle
kinds_idle
timeout 60 python3 "$agent" open "$LAB/qtest.sock"
eventually 20 agent_is_there
expect "with 2 file systems of the guest frozen" tool snapshot --quiesce pool vm/persistent frozen
agent_has guest-fsfreeze-freeze guest-fsfreeze-thaw
expect_exactly F begin_of frozen
expect_exactly T head -c 1 "$image"
ok "the revision has what the guest wrote until it was frozen, and nothing of later"

document 0 snapshot --quiesce pool vm/persistent report
has "True 2" frozen frozen_filesystems
agent_has guest-fsfreeze-freeze guest-fsfreeze-thaw
documents_fit || die "a document is not as the schema says"
fails_with "exists" tool snapshot --quiesce pool vm/persistent frozen
agent_has guest-fsfreeze-freeze guest-fsfreeze-thaw
echo error >"$log.answer"
refused "'vm/persistent' & no file system can be frozen & Without --quiesce" "$POOL" \
    tool snapshot --quiesce pool vm/persistent label
rm "$log.answer"
agent_has guest-fsfreeze-freeze
ok "it is thawed where the revision cannot be made, and not where it was not frozen"

# interrupted SIGNAL: the command gets it while the guest is being frozen.
interrupted()
{
    local snapshot

    echo wait >"$log.answer"
    "$STAGE_DIR/bin/virt-reflink" snapshot --quiesce pool vm/persistent "$1" &
    snapshot=$!
    eventually 10 agent_was_told guest-fsfreeze-freeze
    kill -s "$1" "$snapshot"
    ! wait "$snapshot" || die "it was not ended by $1"
    rm "$log.answer"
    agent_has guest-fsfreeze-freeze guest-fsfreeze-thaw
    [ ! -e "$POOL/vm/persistent.img@$1" ] || die "a revision was made"
}

interrupted TERM
interrupted KILL
ok "it is thawed where the command is killed"

# A disk that was moved from one running domain to another: the image names the first one.
lab_domain other "" | sed -e "s|<devices>|<devices><controller type='scsi' index='0'/>|" -e "s|<boot dev='hd'/>||" \
    >"$LAB/other.xml"
virsh define "$LAB/other.xml"
virsh start other --paused
virsh vol-create-as pool data 1M
tool attach -q pool data vm sda
virsh detach-disk vm sda --live
refused "'data' & no running domain & Without --quiesce" "$POOL" tool snapshot --quiesce pool data moved
virsh attach-disk other "$(virsh vol-path data pool)" sda --live --targetbus scsi --subdriver raw
refused "'data' & 'other' & cannot freeze & agent" "$POOL" tool snapshot --quiesce pool data moved
[ ! -e "$log" ] || die "the guest that has let the disk go was told: $(cat "$log")"
virsh destroy other
ok "the guest that has the disk is frozen, not the one that had it"

echo wait >"$log.answer"
tool snapshot --quiesce pool vm/persistent lost 2>"$LAB/said" &
snapshot=$!
eventually 10 agent_was_told guest-fsfreeze-freeze
lab_kill_libvirtd
! wait "$snapshot" || die "frozen by a daemon that was killed"
rm "$log.answer" "$log"
lab_start_libvirtd
agent_has guest-fsfreeze-thaw
[ ! -e "$POOL/vm/persistent.img@lost" ] || die "a revision was made"
virsh destroy vm
ok "it is thawed where the daemon is killed, once there is one again"
done_testing
