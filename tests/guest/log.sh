#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Each image that is made, renamed, linked or dropped is one line in the log, with the domain's name, if an administrator
# asks for these; and what happened to a volume is an event.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds journal -- qemu-system-x86_64 python3
# shellcheck disable=SC2034
long_saves=yes

journal_begin
details_begin
kinds_make "$dir"

# lines REGEX: how many there are since the last "forget".
lines()
{
    grep -c -E -e "$1" "$LAB/journal" || true
}

forget()
{
    workers_done
    sleep 0.2
    : >"$LAB/journal"
    : >"$LAB/events"
}

# once VOLUME WHAT: there is one such line, of ours, as a detail; WHAT is a regular expression.
once()
{
    local line="^libvirt-reflink 7 $1 in $POOL: $2\$"

    eventually 5 grep -q -E -e "$line" "$LAB/journal"
    [ "$(lines "$line")" = 1 ] || die "not once /$line/: $(cat "$LAB/journal")"
}

# once_for_vm VOLUME WHAT: the same, on behalf of the domain.
once_for_vm()
{
    once "$1" "$2 \(domain vm\)"
}

# exactly NUMBER: all details that the log has are that many lines, and the rest is events.
exactly()
{
    workers_done
    sleep 0.2
    [ "$(lines '^libvirt-reflink 7 ')" = "$1" ] || die "not $1 lines: $(cat "$LAB/journal")"
    [ "$(lines "^libvirt-reflink (7|6 volume '[^']*' in $POOL: )")" = "$(wc -l <"$LAB/journal")" ] ||
        die "other lines: $(cat "$LAB/journal")"
}

# events EVENT VOLUME REVISION...: in any order, all since the last "forget", of the domain.
events()
{
    local wanted
    wanted=$(printf "%s vm/%s %s vm $POOL\n" "$@" | LC_ALL=C sort)
    workers_done
    eventually 5 test "$(wc -l <"$LAB/events")" -ge $(($# / 3))
    [ "$(LC_ALL=C sort "$LAB/events")" = "$wanted" ] || die "events: $(cat "$LAB/events")"
}

temporary='[^ ]*img~[a-zA-Z0-9]+'
forget
for kind in persistent snapshot; do
    rm -f "$POOL/vm/$kind-precache.img"
done
kinds_start_idle
once_for_vm "vm/persistent" "made persistent-dirty.img"
once_for_vm "vm/snapshot" "made snapshot-dirty.img"
once_for_vm "vm/volatile" "made volatile-dirty.img"
once_for_vm "vm/direct" "renamed direct.img to direct-dirty.img"
exactly 4
events started persistent - started snapshot - started volatile - started direct -
ok "a start: one line for each image, with the domain's name"

forget
virsh destroy vm
once_for_vm "vm/persistent" "linked persistent.img as persistent.img.1@[^ ]*"
once_for_vm "vm/persistent" "renamed persistent-dirty.img to persistent.img"
once_for_vm "vm/direct" "renamed direct-dirty.img to direct.img"
for kind in snapshot volatile; do
    once_for_vm "vm/$kind" "dropped $kind-dirty.img as $temporary"
    once_for_vm "vm/$kind" "removed $temporary"
done
once_for_vm "vm/persistent" "made persistent-precache.img"
once_for_vm "vm/snapshot" "made snapshot-precache.img"
exactly 9
events committed persistent 1 dropped snapshot - dropped volatile - returned direct -
grep -q "the run of 'vm' is committed after [0-9]* s; the state before is revision 1" "$LAB/journal"
ok "an end: each link, rename, drop and removal, and what the worker made"

forget
kinds_wish -
guest_run vm
once_for_vm "vm/snapshot" "renamed snapshot-precache.img to snapshot-dirty.img"
guest_run vm
guest_run vm
workers_done
once_for_vm "vm/persistent" "dropped persistent.img.1@[^ ]* as $temporary"
ok "a precache that is used, and a revision that is too many"

forget
virsh start vm --paused
virsh save vm "$LAB/vm.save"
for kind in persistent snapshot volatile direct; do
    once_for_vm "vm/$kind" "saved.*$kind-dirty.img.*"
done
virsh restore "$LAB/vm.save" --paused
for kind in persistent snapshot volatile direct; do
    once_for_vm "vm/$kind" "continues with $kind-dirty.img"
done
virsh destroy vm
ok "a save and a restore"

forget
virsh vol-clone vm/persistent vm/copy --pool pool
virsh vol-clone vm/copy vm/copy@label --pool pool
virsh vol-clone vm/copy@label vm/copy@current --pool pool
virsh vol-delete vm/copy --pool pool --delete-snapshots
once "vm/copy" "created.*persistent.*"
once "vm/copy" "made copy.img@label"
once "vm/copy" "dropped copy.img as $temporary"
[ "$(lines "^libvirt-reflink (7 vm/copy|6 volume 'vm/copy') in ")" = "$(wc -l <"$LAB/journal")" ] ||
    die "other lines: $(cat "$LAB/journal")"
expect_exactly $'created -\nsnapshot -\nreplaced 1\ndeleted -' awk '{ print $1, $3 }' "$LAB/events"
ok "the module's deeds are in the same log"

# The daemon that runs, the hook and the worker: all see that nobody asks any more.
details_end
forget
virsh start vm --paused
virsh destroy vm
virsh vol-clone vm/persistent vm/copy --pool pool
virsh vol-delete vm/copy --pool pool --delete-snapshots
exactly 0
[ "$(grep -c -v -e ' vm/copy ' "$LAB/events")" = 8 ] || die "events: $(cat "$LAB/events")"
expect_exactly $'created\ndeleted' awk '/ vm\/copy / { print $1 }' "$LAB/events"
ok "unless somebody asks there are events alone"
done_testing
