#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# virt-reflink log: what happened to a volume, from the journal itself, and how much each run wrote, as long as the
# states before and after it are there.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds journal -- \
    journalctl /lib/systemd/systemd-journald python3 script less
KEEP=2 kinds_make "$dir"
lab_stop_libvirtd
journald_begin
image=$POOL/vm/persistent

# run_writes BLOCK COUNT: a run of vm/persistent, by hand, that writes so many blocks of 4 KiB from there on.
run_writes()
{
    tool start --quiet pool vm/persistent
    head -c $(($2 * 4096)) /dev/urandom |
        dd of="$image-dirty.img" bs=4096 seek="$1" conv=notrunc iflag=fullblock status=none
    tool stop --quiet pool vm/persistent
}

# said VOLUME [OPTION...]: its log, without times.
said()
{
    tool log "${@:2}" pool "$1" | sed -E 's/^[-0-9]+ [0-9:]+  //; s/after [0-9]+ s/after N s/'
}

# committed NUMBER [SIZE]: the line of a run.
committed()
{
    echo "the run of 'started by hand' is committed after N s; the state before is revision $1${2:+; $2 were written}"
}

# written: "NUMBER BYTES" of each commit in the JSON, "-" where that is not known.
written()
{
    tool log --json pool vm/persistent | python3 -c 'import json, sys
for line in sys.stdin:
    entry = json.loads(line)
    if entry["REFLINK_EVENT"] == "committed":
        print(entry["REFLINK_REVISION"], entry.get("REFLINK_WRITTEN", "-"))'
}

expect "no events of vm/none" tool log pool vm/none
run_writes 0 1
run_writes 8 16
run_writes 32 64
eventually 10 journalctl --sync
expect_exactly "revision 1 is pruned
$(committed 3 "256.0 KiB")
started for 'started by hand'
$(committed 2 "64.0 KiB")" said vm/persistent -n 4
expect_exactly $'3 262144\n2 65536\n1 -' written
ln -s "$POOL" "$LAB/link"
expect "256.0 KiB were written" tool log "$LAB/link/" vm/persistent
expect_exactly "revision 1 is pruned
$(committed 3)" said vm/persistent --no-written -n 2
expect_exactly "$(committed 2 "64.0 KiB")" said vm/persistent@2
expect_exactly "revision 1 is pruned
$(committed 1)" said vm/persistent@1
[ "$(said vm/persistent --all)" = "$(said vm/persistent)" ] || die "there are details that nobody asked for"
details_begin
tool start --quiet pool vm/template
tool stop --quiet pool vm/template
eventually 10 journalctl --sync
expect "renamed template-dirty.img to template-precache.img" said vm/template --all
details_end
ok "each commit says how much its run wrote, as long as both states are there"

# A state that comes from something else, and one that is not what the run left.
tool revert --quiet pool vm/persistent 2
eventually 10 journalctl --sync
expect_exactly "its content is replaced with that of 'vm/persistent@2'; the state before is revision 4" said vm/persistent -n 1
expect_exactly $'3 262144\n2 65536\n1 -' written
tool prune --quiet --yes --keep 1 pool vm/persistent
expect_exactly $'3 -\n2 -\n1 -' written
run_writes 0 1
eventually 10 journalctl --sync
expect_exactly $'5 4096\n3 -\n2 -\n1 -' written
printf 'x' | dd of="$image.img" conv=notrunc status=none
expect_exactly $'5 -\n3 -\n2 -\n1 -' written
ok "what is not proven is not said"

# Another volume of the same name has revisions of the same numbers.
tool delete --quiet --yes pool vm/persistent
tool clone --quiet pool vm/template vm/persistent
run_writes 4 2
eventually 10 journalctl --sync
expect "created, persistent, from 'vm/template'" said vm/persistent
expect_exactly $'1 8192\n5 -\n3 -\n2 -\n1 -' written
ok "a new volume has the log of its name, but none of its states"

tool send pool vm/template >"$LAB/stream"
tool receive -q pool vm/received <"$LAB/stream"
tool receive -q pool vm/received <"$LAB/stream"
tool import -q --format raw "$LAB/stream" pool vm/imported
eventually 10 journalctl --sync
expect_exactly "content was received, from a stream; the state before is revision 1
created, persistent, from a stream" said vm/received
expect_exactly "created, persistent, from the file '$LAB/stream'" said vm/imported
ok "the log says what a volume was made from"

# A person reads it page by page; a line at a time goes to a pipe, which may be closed.
expect "8.0 KiB were written" env TERM=linux script -qec \
    "$(printf '%q ' "$STAGE_DIR/bin/virt-reflink" log -n 2 pool vm/persistent)" /dev/null
tool log pool vm/persistent | head -n 1 >/dev/null
expect "Z  " tool log --utc pool vm/persistent
expect_exactly "" tool log --quiet pool vm/none
expect_exactly "" tool log --json pool vm/none
fails_with "journalctl" env PATH="$LAB" "$STAGE_DIR/bin/virt-reflink" log pool vm/persistent
ok "a terminal, a pipe and a program get it"
done_testing
