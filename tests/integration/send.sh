#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# virt-reflink diff, send, receive, usage and fragmentation: a backup in a pool elsewhere, and the restore of it.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds other=xfs -- python3 script
KEEP=9 kinds_make "$dir"
reflink_pool far "$other/far" "<reflink:revisions keep='9'/>"
FAR=$other/far
lab_stop_libvirtd # from here on there is no daemon

# run_of VOLUME TEXT OFFSET: a run that writes TEXT at OFFSET.
run_of()
{
    tool start pool "$1" >/dev/null
    printf '%s' "$2" | write_image "$POOL/$1-dirty.img" "$3"
    tool stop pool "$1" >/dev/null
}

# fields EXPRESSION: what it is in the JSON on stdin.
fields()
{
    python3 -c "import json, sys
top = json.load(sys.stdin)
print($1)"
}

run_of vm/persistent one 65536
run_of vm/persistent two 131072
expect_exactly $'OFFSET LENGTH\n131072 4096\n1' awk 'NR < 3 { print $1, $2 } NR == 3 { print $1 }' \
    <(tool diff pool vm/persistent@2 vm/persistent)
expect_exactly "['vm/persistent@1', 8192, [65536, 131072], True]" fields \
    "[top['from'], top['changed'], [r['offset'] for r in top['ranges']], top['exact']]" \
    < <(tool diff --exact --json pool vm/persistent@1 vm/persistent)
expect_exactly "[]" fields "top['ranges']" < <(tool diff --json pool vm/persistent vm/persistent)
fails_with "vm/persistent@7" tool diff pool vm/persistent@7 vm/persistent
ok "diff shows the ranges that changed"

# The state of revision 1 is that from before the first run; a label's place is that of its state.
tool snapshot pool vm/persistent now
expect_exactly "[(None, None), ('vm/persistent@1', 4096), ('vm/persistent@2', 4096)] now" fields \
    "[(r.get('changed_since'), r.get('changed')) for r in top['revisions']], top['revisions'][2]['label']" \
    < <(tool revisions --changes --json pool vm/persistent)
expect_exactly $'REVISION SINCE\n1 0\n2 1\nnow 2' awk '{ print $1, (NF > 9 || NR == 1 ? $NF : 0) }' \
    <(tool revisions --changes pool vm/persistent)
expect_not changed tool revisions --json pool vm/persistent
tool delete --yes pool vm/persistent@now
ok "revisions shows how much each differs from the one before"

tool send pool vm/persistent@1 >"$LAB/full"
expect "backup/vm is made" tool receive far backup/vm <"$LAB/full"
cmp "$(echo "$POOL"/vm/persistent.img.1@*)" "$FAR/backup/vm.img"
tool send --from vm/persistent@1 pool vm/persistent@2 >"$LAB/second"
tool send --from "$(echo "$POOL"/vm/persistent.img.2@*)" pool vm/persistent >"$LAB/third"
[ "$(stat -c %s "$LAB/second")" -lt 8192 ] || die "an incremental stream has more than what changed"
expect "former state is revision 1" tool receive far backup/vm <"$LAB/second"
tool receive --quiet far backup/vm <"$LAB/third"
cmp "$POOL/vm/persistent.img" "$FAR/backup/vm.img"
expect_exactly $'REVISION\n1\n2' awk '{ print $1 }' <(tool revisions far backup/vm)
ok "a full stream and those that follow it make the same states elsewhere"

for broken in second full; do
    fails_with "another state|cut off" tool receive far backup/vm < <(head -c 3000 "$LAB/$broken")
    fails_with "another state|not a stream|damaged|version" tool receive far backup/vm < <(tr '\0' x <"$LAB/$broken")
done
fails_with "not a stream" tool receive far backup/vm <"$POOL/vm/persistent.img"
fails_with "another state & full stream" tool receive far backup/vm <"$LAB/third"
fails_with "no volume 'other' & full stream" tool receive far other <"$LAB/third"
tool start far backup/vm >/dev/null
fails_with "'backup/vm' & running|left" tool receive far backup/vm <"$LAB/full"
tool stop far backup/vm >/dev/null
expect_exactly $'REVISION\n1\n2' awk '{ print $1 }' <(tool revisions far backup/vm)
cmp "$POOL/vm/persistent.img" "$FAR/backup/vm.img"
expect_exactly "" find "$FAR" -name '*~*'
ok "what does not fit, or does not come through whole, changes nothing"

expect_exactly "[('clean', 12288, True), ('revision', 4096, True), ('revision', 8192, True)] 0" fields \
    "[(i['image'], i['shared'], i['exact']) for i in top['images'] if i['image'] != 'precache'], top['exclusive']" \
    < <(tool usage --json far backup/vm)
expect 'vm/template ' tool usage pool
expect "exclusive to one image" tool usage pool
fails_with "'vm/none'" tool usage pool vm/none
ok "usage says what is shared"

expect_exactly "[('clean', 12288, 12288)]" fields \
    "[(i['image'], i['allocated'], i['shared']) for i in top['images']]" \
    < <(tool fragmentation --json far backup/vm)
expect_exactly "['clean', 'revision', 'revision']" fields "[i['image'] for i in top['images']]" \
    < <(tool fragmentation --json --revisions far backup/vm)
expect "100%" tool fragmentation far backup/vm
fails_with "'vm/none'" tool fragmentation pool vm/none
ok "fragmentation says how many extents an image has"

# While its domain runs; and the way back, through a pipe.
tool start pool vm/persistent >/dev/null
printf 'not committed' | write_image "$POOL/vm/persistent-dirty.img" 512
tool send pool vm/persistent | tool receive --quiet far running
cmp "$POOL/vm/persistent.img" "$FAR/volumes/running.img"
tool stop pool vm/persistent >/dev/null
tool send far backup/vm | tool receive --quiet pool vm/persistent
cmp "$POOL/vm/persistent.img" "$FAR/backup/vm.img"
ok "a volume that runs is sent as it was committed last, and a backup comes back"

# As in the manual page, under "Backup".
tool start pool vm/persistent >/dev/null
tool snapshot pool vm/persistent monday
tool send pool vm/persistent@monday | tool receive --quiet far nightly
printf 'on tuesday' | write_image "$POOL/vm/persistent-dirty.img" 512
tool snapshot pool vm/persistent tuesday
tool send --from vm/persistent@monday pool vm/persistent@tuesday | tool receive --quiet far nightly
tool delete --yes pool vm/persistent@monday
tool send far nightly | tool receive --quiet pool restored
cmp "$POOL/vm/persistent-dirty.img" "$POOL/volumes/restored.img"
tool stop pool vm/persistent >/dev/null
ok "named revisions of a domain that runs make a backup from night to night"

# Cut off, and gone on with.
head -c 70000 /dev/urandom | write_image "$POOL/vm/persistent.img" 262144
tool send pool vm/persistent >"$LAB/whole"
head -c 50000 "$LAB/whole" >"$LAB/cut"
fails_with "cut off" tool receive far lost <"$LAB/cut"
fails_with "no part of a stream" tool receive --token far lost
fails_with "cut off & kept until & --resume-from" tool receive --partial far lost <"$LAB/cut"
token=$(tool receive --token far lost)
tool check far >"$LAB/said" || [ $? = 3 ]
has_words "lost: partial & kept until" <"$LAB/said"
tool check --repair far >"$LAB/said" || [ $? = 3 ]
has_words "lost: partial" <"$LAB/said"
fails_with "another state" tool send --resume-from "$token" pool vm/persistent@1 >/dev/null
fails_with "'x' is not a token" tool send --resume-from x pool vm/persistent >/dev/null
tool send --resume-from "$token" pool vm/persistent >"$LAB/rest"
[ "$(stat -c %s "$LAB/rest")" -lt "$(stat -c %s "$LAB/whole")" ] || die "the rest of a stream is all of it"
expect "lost is made" tool receive far lost <"$LAB/rest"
cmp "$POOL/vm/persistent.img" "$FAR/volumes/lost.img"
fails_with "cut off & kept until" tool receive --partial far lost <"$LAB/cut"
expect "is removed" tool receive --drop-partial far lost
expect "No part of a stream" tool receive --drop-partial far lost
expect_exactly "" find "$FAR" -name '*~*'
ok "a stream that was cut off goes on where it ended"

# On a terminal there is a question of where to, and a bar for what takes long.
! script -qec "$(printf '%q ' "$STAGE_DIR/bin/virt-reflink" send pool vm/persistent)" /dev/null >"$LAB/said" ||
    die "a stream was written to a terminal"
has_words "terminal" <"$LAB/said"
# Many parts, of which one comes after the other until the bar is there.
python3 -c "import sys
sys.stdout.buffer.write((bytes(4096) + bytes([1]) * 4096) * 128)" | write_image "$POOL/vm/persistent.img"
tool send pool vm/persistent >"$LAB/parts"
cat >"$LAB/slowly" <<'END'
while ! grep -q % "$1/said" && dd bs=4136 count=1 iflag=fullblock status=none; do
    sleep 0.1
done
cat
END
: >"$LAB/said"
script -qefc "bash '$LAB/slowly' '$LAB' <'$LAB/parts' | '$STAGE_DIR/bin/virt-reflink' receive far backup/slow" \
    "$LAB/said" >/dev/null
has_words "% & left & backup/slow is made" <"$LAB/said"
ok "streams are not for terminals, and a bar shows how far one has come"
done_testing
