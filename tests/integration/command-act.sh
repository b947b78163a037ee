#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink: what its commands do to volumes and revisions, beside a daemon that is to know it at once.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds journal -- setfattr script python3
KEEP=9 kinds_make "$dir"
journal_begin
image=$POOL/vm/persistent.img

# run_writes LETTER: a run of the volume, by hand, that writes this.
run_writes()
{
    tool start --quiet pool vm/persistent
    printf '%s\0\0\0' "$1" | write_image "$POOL/vm/persistent-dirty.img" 512
    tool stop --quiet pool vm/persistent
}

# holds LETTER FILE: that is what was written to it.
holds()
{
    [ "$(counter "$2")" = "$(printf '%d' "'$1")" ] || die "$2 has $(counter "$2"), not $1"
}

# listed NAME...: the daemon's list has exactly these of the volume vm/persistent, without a refresh.
listed()
{
    expect_exactly "$(printf '%s\n' "$@")" known_revisions
}

known_revisions()
{
    volumes pool | grep '^vm/persistent' | LC_ALL=C sort
}

# history NUMBER [REGEX]: the first so many events of vm/persistent that match, but for its starts.
history()
{
    awk '$2 == "vm/persistent" && $1 !~ /^started$/ { print $1, $3 }' "$LAB/events" |
        grep -E "${2:-}" | head -n "$1"
}

run_writes a
run_writes b
listed vm/persistent vm/persistent@1 vm/persistent@2
expect "revision 3" tool revert pool vm/persistent 2
holds a "$image"
listed vm/persistent vm/persistent@1 vm/persistent@2 vm/persistent@3
holds b "$POOL"/vm/persistent.img.3@*
expect "revision 4" tool revert "$POOL" vm/persistent@3
holds b "$image"
revision=$(echo "$POOL"/vm/persistent.img.2@*)
expect "revision 5" tool revert "$revision"
holds a "$image"
expect_exactly "" tool revert -q pool vm/persistent 4
ok "revert gives a volume the content of a revision, and the one before is a revision"

# Numbers that were given are not given again.
for n in 2 3 4 5 6; do
    expect "vm/persistent@$n is deleted" tool delete pool "vm/persistent@$n"
done
listed vm/persistent vm/persistent@1
refused "'vm/persistent@2' & no revision" "$POOL" tool delete pool vm/persistent@2
refused "'vm/persistent@2' & no revision" "$POOL" tool revert pool vm/persistent 2
run_writes b
listed vm/persistent vm/persistent@1 vm/persistent@7
ok "delete removes a revision, and the daemon knows"

tool start -q pool vm/persistent
printf 'c\0\0\0' | write_image "$POOL/vm/persistent-dirty.img" 512
expect "vm/persistent@live is made" tool snapshot pool vm/persistent live
holds c "$image@live"
expect "vm/persistent@old is made" tool snapshot pool vm/persistent@1 old
listed vm/persistent vm/persistent@1 vm/persistent@7 vm/persistent@live vm/persistent@old
refused "'vm/persistent@live' & exists" "$POOL" tool snapshot pool vm/persistent live
refused "is volatile" "$POOL" tool snapshot pool vm/volatile label
refused "vm/persistent & running" "$POOL" tool revert pool vm/persistent 1
refused "vm/persistent & running" "$POOL" tool delete --yes pool vm/persistent
exec 9<>"$POOL/vm/persistent-dirty.img" # as by a domain's process
refused "vm/persistent & running" "$POOL" tool discard --keep lost pool vm/persistent
exec 9>&-
for label in 7 current; do
    status=0
    tool snapshot pool vm/persistent "$label" 2>/dev/null || status=$?
    [ $status = 2 ] || die "the label $label: status $status"
done
ok "snapshot makes a named revision, also of a running volume, of which nothing else is changed"

chmod 640 "$image"
expect "vm/new is a clone of vm/persistent" tool clone pool vm/persistent vm/new
holds b "$POOL/vm/new.img" # as it was committed
[ "$(stat -c %a "$POOL/vm/new.img")" = 640 ] || die "the clone has the mode $(stat -c %a "$POOL/vm/new.img")"
tool clone -q pool vm/persistent@live other
expect "vm/new" volumes pool
expect "other" volumes pool
holds c "$POOL/volumes/other.img"
tool clone -q pool vm/persistent vm/fixed@kind=direct
expect "direct" tool info pool vm/fixed
refused "'vm/new' & exists" "$POOL" tool clone pool vm/persistent vm/new
refused "'vm/none'" "$POOL" tool clone pool vm/none vm/newer
refused "volatile & no content" "$POOL" tool clone pool vm/volatile vm/newer
refused "volatile & without a source" "$POOL" tool clone pool vm/persistent vm/newer@kind=volatile
ok "clone makes volumes of what is committed, with its access, and the daemon lists them"

tool discard -q --keep lost pool vm/persistent
holds c "$image@lost"
holds b "$image"
refused "no dirty image" "$POOL" tool discard --keep more pool vm/persistent
ok "discard keeps what it drops, if asked"

# Named revisions and what a process has open stay.
run_writes d
run_writes e
before=$(listing "$POOL")
expect_exactly $'vm/persistent@8 would be removed.\nvm/persistent@7 would be removed.\nvm/persistent@1 would be removed.' \
    tool prune --dry-run --keep 1 pool vm/persistent
expect_exactly "There is nothing to remove." tool prune --older-than 1h pool
expect_exactly "There is nothing to remove." tool prune pool
same_listing "$POOL" "$before"
expect_exactly $'vm/persistent@8 would be removed.\nvm/persistent@7 would be removed.\nvm/persistent@1 would be removed.' \
    tool prune --dry-run --keep-daily 1 --keep-weekly 1 pool vm/persistent
exec 5<"$(echo "$image".7@*)"
expect_exactly $'vm/persistent@8 is removed.\nvm/persistent@1 is removed.' tool prune --keep 1 pool
exec 5<&-
listed vm/persistent vm/persistent@7 vm/persistent@9 vm/persistent@{live,lost,old}
expect_exactly $'vm/persistent@9 is removed.\nvm/persistent@7 is removed.' tool prune --older-than 0s pool
listed vm/persistent vm/persistent@{live,lost,old}
expect_exactly "" temporaries
for wrong in "--keep=-2" "--keep-daily=-1" "--older-than=x" "--older-than=1y" "--keep=x"; do
    status=0
    tool prune "$wrong" pool 2>/dev/null || status=$?
    [ $status = 2 ] || die "prune $wrong: status $status"
done
for wrong in "--min-free=0" "--min-free=x" "--min-free=1P" "--min-free=-1"; do
    status=0
    tool prune "$wrong" pool 2>/dev/null || status=$?
    [ $status = 2 ] || die "prune $wrong: status $status"
done
ok "prune removes what is asked for, and never a named revision nor one that is open"

# The oldest go, and no more than is needed.
virsh vol-create-as pool vm/space 32M
for run in 1 2 3 4; do
    tool start --quiet pool vm/space
    head -c 16M /dev/urandom | write_image "$POOL/vm/space-dirty.img"
    tool stop --quiet pool vm/space
done
expect_exactly $'REVISION\n1\n2\n3\n4' awk '{ print $1 }' <(tool revisions pool vm/space)
sync
free=$(tool list --json pool | python3 -c 'import json, sys; print(json.load(sys.stdin)["available"])')
expect_exactly "There is nothing to remove." tool prune --yes --min-free $((free - 4194304)) pool
expect_exactly "There is nothing to remove." tool prune --dry-run --min-free $((free - 4194304)) pool vm/space
expect_exactly "$(printf 'vm/space@%d would be removed, if it is needed.\n' 1 2 3 4)" \
    tool prune --dry-run --min-free $((free + 8388608)) pool vm/space
expect_exactly $'vm/space@1 is removed.\nvm/space@2 is removed.' tool prune --yes --min-free $((free + 8388608)) pool vm/space
fails_with "only & are free & less than" tool prune --yes --keep 1 --min-free 100T pool vm/space
expect_exactly $'REVISION\n4' awk '{ print $1 }' <(tool revisions pool vm/space)
tool delete --yes --quiet pool vm/space
# Nor where XFS takes its time to free what has many extents.
virsh vol-create-as pool vm/many 160M
for run in 1 2 3 4; do
    tool start --quiet pool vm/many
    python3 - "$POOL/vm/many-dirty.img" "$run" <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
for block in range(0, 40960, 2):
    os.pwrite(fd, bytes([int(sys.argv[2])]) * 4096, block * 4096)
END
    tool stop --quiet pool vm/many
done
sync
free=$(tool list --json pool | python3 -c 'import json, sys; print(json.load(sys.stdin)["available"])')
expect_exactly $'vm/many@1 is removed.\nvm/many@2 is removed.' tool prune --yes --keep 0 --min-free $((free + 8388608)) pool vm/many
tool delete --yes --quiet pool vm/many
ok "prune makes space, with the oldest revisions"

# A person is asked, a pipe is not.
answers()
{
    printf '%s\n' "$1" | script -qec "$(printf '%q ' "$STAGE_DIR/bin/virt-reflink" "${@:2}")" /dev/null
}
before=$(listing "$POOL")
! answers n delete pool vm/persistent@live >"$LAB/said" || die "deleted: $(cat "$LAB/said")"
grep -q "Delete revision vm/persistent@live? \[y/N\]" "$LAB/said" || die "$(cat "$LAB/said")"
same_listing "$POOL" "$before"
answers y delete pool vm/persistent@live >/dev/null
answers n delete --yes pool vm/persistent@lost >/dev/null
listed vm/persistent vm/persistent@old
before=$(listing "$POOL")
refused "vm/persistent@old & --delete-snapshots" "$POOL" tool delete pool vm/persistent
refused "precache & whole volume" "$POOL" tool delete --yes --with-named "$POOL/vm/persistent-precache.img"
expect "would be deleted, with 1 revision, 1 of them named" tool delete --dry-run pool vm/persistent
same_listing "$POOL" "$before"
expect "is deleted" tool delete --with-named pool vm/persistent
expect_not "vm/persistent" volumes pool
expect "vm/snapshot" tool delete --dry-run pool vm/template
refused "vm/template & 'vm/snapshot' & --with-users" "$POOL" tool delete --yes pool vm/template
refused "'vm/persistent'" "$POOL" tool delete pool vm/persistent
ok "what is lost is asked for on a terminal; delete takes named revisions only if told"

# What happened to a volume, as the journal has it: newest last here.
expect_exactly $'committed 1\ncommitted 2\nreplaced 3\nreplaced 4\nreplaced 5\nreplaced 6' history 6
expect_exactly $'snapshot -\nsnapshot -\nsnapshot -\ndiscarded -\ncommitted 8\ncommitted 9' \
    history 99 '^(snapshot|discarded|committed [89])'
expect_exactly $'pruned 8\npruned 1\npruned 9\npruned 7' history 99 '^pruned'
expect_exactly "deleted -" history 99 '^deleted'
ok "the journal has each event with its revision"

expect "is called db/renamed now" tool rename pool vm/new db/renamed
expect_not "vm/new" volumes pool
expect "db/renamed" volumes pool
holds b "$POOL/db/renamed.img"
expect "domain 'vm' has volume 'vm/direct' as a disk" tool rename pool vm/direct db/direct
expect "db/direct" volumes pool
refused "vm/template & vm/snapshot" "$POOL" tool rename pool vm/template db/template
refused "'other' & exists" "$POOL" tool rename pool db/renamed other
tool rename -q pool db/renamed vm/new
ok "rename gives a volume another name, unless another names it"

# Who asks twice can have a source deleted. Its snapshot volumes wait for another of that name.
tool clone -q pool vm/template vm/spare
expect "is deleted" tool delete --with-users pool vm/template
expect "[its source is gone]" tool list pool
expect "vm/template (it is gone)" tool info pool vm/snapshot
fails_with "vm/snapshot & vm/template" tool start pool vm/snapshot
tool rename -q pool vm/spare vm/template
expect_not "is gone" tool list pool
expect "vm/snapshot-dirty.img" tool start pool vm/snapshot
tool stop -q pool vm/snapshot
ok "the source of a snapshot volume is deleted only if told"

# Every second block of the image gets another place.
pieces=$POOL/vm/pieces
virsh vol-create-as pool vm/pieces 4M
tool start -q pool vm/pieces
head -c 4M /dev/urandom >"$LAB/pieces"
write_image "$pieces-dirty.img" <"$LAB/pieces"
tool stop -q pool vm/pieces
tool start -q pool vm/pieces
python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
for block in range(0, 1024, 2):
    os.pwrite(fd, b"x" * 4096, block * 4096)' "$pieces-dirty.img"
cp "$pieces-dirty.img" "$LAB/pieces"
refused "'vm/pieces' & running" "$POOL" tool defragment pool vm/pieces
tool stop -q pool vm/pieces
extents()
{
    tool fragmentation --json pool vm/pieces | python3 -c 'import json, sys
print(json.load(sys.stdin)["images"][0]["extents"])'
}
[ "$(extents)" -gt 500 ] || die "it is not fragmented: $(extents)"
before=$(listing "$POOL")
expect "nothing to defragment" tool defragment pool vm/pieces
expect "--unshare rewrites them" tool defragment --yes pool vm/pieces
expect "2.0 MiB of that is shared" tool defragment --dry-run --unshare pool vm/pieces
! answers n defragment --unshare pool vm/pieces >"$LAB/said" || die "defragmented: $(cat "$LAB/said")"
grep -q "Defragment volume vm/pieces? \[y/N\]" "$LAB/said" || die "$(cat "$LAB/said")"
same_listing "$POOL" "$before"
expect "vm/pieces is defragmented" tool defragment --unshare pool vm/pieces
[ "$(extents)" -lt 50 ] || die "it is still fragmented: $(extents)"
cmp "$pieces.img" "$LAB/pieces"
cmp "$pieces-precache.img" "$LAB/pieces"
expect "nothing to defragment" tool defragment --yes --unshare pool vm/pieces
refused "'vm/snapshot' & snapshot volume" "$POOL" tool defragment pool vm/snapshot
for wrong in x 1K 2G; do
    status=0
    tool defragment "--limit=$wrong" pool vm/pieces 2>/dev/null || status=$?
    [ $status = 2 ] || die "defragment --limit=$wrong: status $status"
done
ok "defragment puts the pieces of a stopped volume together, and asks before"

# The same without a daemon.
lab_stop_libvirtd
expect "is a clone of" tool clone "$POOL" vm/new vm/newest
expect_exactly "Volume vm/newest is deleted." tool delete "$POOL" vm/newest
expect_exactly "vm/new@x is made. No pruning removes it; 'virt-reflink delete' does." tool snapshot pool vm/new x
ok "none of it needs a daemon"
done_testing
