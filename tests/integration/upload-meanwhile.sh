#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# What happens while an upload is under way: it wins or loses, and nothing is half done.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states slow-upload size=512M -- fsfreeze mkfifo

reflink_pool qubes "$dir/qubes"
old=$LAB/old new=$LAB/new
random_file "$old" 8M
random_file "$new" 8M
virsh vol-create-as qubes web 8M
virsh vol-upload web "$old" --pool qubes
eventually 10 has_drafts 0

# --- the volume

begin_upload web
start_volume web
end_upload "'web' & running & by hand"
discard_volume web
begin_upload web
start_volume web
leave_volume web
end_upload "'web' & meanwhile"
discard_volume web
holds web "$old"
begin_upload web
virsh vol-resize web 9M --pool qubes
end_upload "'web' & meanwhile"
[ "$(stat -c %s "$(image web)")" = 9437184 ]
holds web "$old" 8388608
virsh vol-resize web 8M --shrink --pool qubes
begin_upload web
virsh vol-delete web qubes
end_upload "'web' & meanwhile"
nothing_left
virsh vol-create-as qubes web 8M
virsh vol-upload web "$old" --pool qubes
ok "one that was started, changed or deleted meanwhile is left as it is then"

begin_upload web
drafts_wanted=2
mkfifo "$LAB/second"
virsh vol-upload web "$LAB/second" --pool qubes >"$LAB/second.said" 2>&1 8>&- &
second=$!
exec 9>"$LAB/second"
cat "$old" >&9
eventually 10 has_drafts 2
end_upload ""
exec 9>&-
! wait "$second" || die "both uploads succeeded"
has_words "'web' & meanwhile" <"$LAB/second.said"
holds web "$new"
nothing_left web
ok "of two at once the first to end wins, and the other one is told"

# hold_lock SECONDS: somebody has the volume's lock for so long.
hold_lock()
{
    lock=$(compgen -G "/run/libvirt-reflink/*-*")/$(printf web | sha256sum | cut -d' ' -f1)
    flock "$lock" sleep "$1" 8>&- &
    holder=$!
    eventually 5 lock_is_held "$lock"
}

lock_is_held()
{
    ! flock --nonblock "$1" true 8>&-
}

drafts_wanted=1
virsh vol-upload web "$old" --pool qubes
nothing_left web
begin_upload web
hold_lock 5
end_upload "'web' & busy"
lock_is_held "$lock" || die "the daemon waited for it"
wait $holder
holds web "$old"
nothing_left web
ok "one that ends while somebody is busy with the volume is refused at once"

# --- the daemon

drafts_wanted=1
virsh vol-upload web "$old" --pool qubes
nothing_left web
before=$(listing "$pool")
begin_upload web
fsfreeze --freeze "$dir"
cleanup_fn bash -c "fsfreeze --unfreeze '$dir' 2>/dev/null"
tail -c +$((4194304 + 1)) "$new" >&8 &
sleep 0.5
for _ in 1 2 3 4 5 6 7 8; do
    timeout 2 virsh vol-list qubes >/dev/null || die "the daemon waits for a disk"
    timeout 2 virsh vol-info web qubes >/dev/null || die "the daemon waits for a disk"
done
fsfreeze --unfreeze "$dir"
exec 8>&-
wait "$upload"
holds web "$new"
ok "while the disk does not answer, the daemon does"

begin_upload web
before=$(listing "$pool")
lab_kill_libvirtd
exec 8>&-
! wait "$upload" || die "the upload succeeded without the daemon"
lab_start_libvirtd
nothing_left web
same_listing "$pool" "$before"
holds web "$new"
ok "a daemon that is killed leaves what was there, and nothing else"

done_testing
