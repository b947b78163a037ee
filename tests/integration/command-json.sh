#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink --json: each command ends with one document, also when it fails, refuses or only plans, and the
# documents are as docs/virt-reflink.schema.json says. Those of attach, detach and --quiesce that need a guest are in
# tests/guest.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds documents -- setfattr script python3 qemu-nbd qemu-img
KEEP=9 kinds_make "$dir"
lab_stop_libvirtd
image=$dir/pool/vm/persistent

# run_writes LETTER
run_writes()
{
    tool start --quiet pool vm/persistent
    printf '%s\0\0\0' "$1" | write_image "$image-dirty.img" 512
    tool stop --quiet pool vm/persistent
}

document 0 start pool vm/persistent
has "start $POOL vm/persistent" command pool volume
has "$image-dirty.img False done True 0" path continued outcome changed exit_status
printf 'a\0\0\0' | write_image "$image-dirty.img" 512
document 0 start pool vm/persistent
has True continued
document 0 stop pool vm/persistent
has "committed 1 True" result revision changed
document 0 stop pool vm/persistent
has "nothing False" result changed
tool start -q pool vm/snapshot
document 0 stop pool vm/snapshot
has "dropped" result
tool start -q pool vm/direct
document 0 stop "$POOL/vm/direct.img"
has "returned vm/direct" result volume
ok "start and stop say what they made, and what became of it"

# A decision: the code says that there is one, the next step which.
tool start -q pool vm/persistent
setfattr -n trusted.libvirt-reflink.hold -v saved "$image-dirty.img"
document 1 stop pool vm/persistent
has "failed False state True" outcome changed "error['code']" "'continue' in error['next_step']"
grep -q "^virt-reflink: .*vm/persistent" "$LAB/complaint" || die "no message on stderr"
document 0 continue pool vm/persistent
has "True" changed
document 1 discard pool vm/persistent
has "unconfirmed False True" "error['code']" changed "'--yes' in error['next_step']"
[ -e "$image-dirty.img" ] || die "discarded without an answer"
document 0 discard --dry-run pool vm/persistent
has "planned False" outcome changed
[ -e "$image-dirty.img" ] || die "discarded by a dry run"
exec 5<>"$image-dirty.img"
document 1 discard --yes pool vm/persistent
has "state False" "error['code']" changed
document 0 info pool vm/persistent
has True "'(bash' in dirty_image_writer"
expect "in use           the dirty image, by " tool info --utc pool vm/persistent
exec 5>&-
document 2 info /nowhere/a.img
has True "'/nowhere/a.img' in error['message']"
document 0 discard --keep lost pool vm/persistent
has "vm/persistent@lost" kept_as
tool start -q pool vm/persistent
document 0 discard --yes pool vm/persistent
has "[]" warnings
exec 5<>"$image.img"
document 1 rename pool vm/persistent other
has "busy other" "error['code']" new
exec 5>&-
ok "a refusal says its code and what to do; a question is refused, not asked"

run_writes b
document 0 revert pool vm/persistent 1
has "vm/persistent@1 3" "top['from']" revision
document 1 revert pool vm/persistent 77
has "not-found" "error['code']"
document 2 revert pool vm/persistent
has "usage 2 False" "error['code']" exit_status changed
document 2 revert --frob pool vm/persistent 1
has "usage" "error['code']"
document 0 snapshot pool vm/persistent monday
has "vm/persistent@monday monday $image.img@monday False" revision label path frozen
document 1 snapshot pool vm/persistent monday
has exists "error['code']"
document 1 snapshot pool vm/persistent ../x
has name "error['code']"
document 0 clone pool vm/persistent@1 vm/copy
has "vm/copy $POOL/vm/copy-dirty.img" new path
document 1 clone pool vm/none vm/other
document 0 rename pool vm/copy vm/moved
has "vm/moved $POOL/vm/moved-dirty.img" new path
document 1 start nowhere vm/persistent
has "not-found" "error['code']"
ok "revert, snapshot, clone and rename say what they made"

document 0 delete --dry-run pool vm/persistent
has "planned False ['vm/persistent@1', 'vm/persistent@2', 'vm/persistent@3', 'vm/persistent@lost', 'vm/persistent@monday']" \
    outcome changed revisions
document 1 delete pool vm/moved
has unconfirmed "error['code']"
document 1 delete --yes pool vm/template
has "['vm/snapshot']" users
document 0 delete --yes pool vm/moved
has True changed
document 0 delete --yes pool vm/persistent@lost
has "['vm/persistent@lost']" revisions
document 0 prune --dry-run --keep 2 pool
has "planned False ['vm/persistent@1']" outcome changed candidates
document 1 prune --keep 2 pool
has "unconfirmed ['vm/persistent@1']" "error['code']" candidates
document 0 prune --yes --keep 2 pool vm/persistent
has "True ['vm/persistent@1']" changed removed
document 0 prune --keep 2 pool vm/persistent
has "False []" changed removed
document 1 prune --yes --keep 2 --min-free 100T pool
has "state True" "error['code']" 'available > 0'
document 1 prune pool vm/none
has partial "error['code']"
document 2 prune --keep=-2 pool
ok "delete and prune list what goes, or would go"

# Pieces to put together.
tool clone -q pool vm/persistent vm/pieces
truncate -s 2M "$POOL/vm/pieces.img"
tool start -q pool vm/pieces
head -c 2M /dev/urandom | write_image "$POOL/vm/pieces-dirty.img"
tool stop -q pool vm/pieces
tool start -q pool vm/pieces
python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
for block in range(0, 512, 2):
    os.pwrite(fd, b"x" * 4096, block * 4096)' "$POOL/vm/pieces-dirty.img"
tool stop -q pool vm/pieces
document 0 defragment --dry-run --unshare pool vm/pieces
has "planned False True True" outcome changed 'small_extents > 100' 'unshared > 0'
document 1 defragment --unshare pool vm/pieces
has unconfirmed "error['code']"
document 0 defragment --yes --unshare pool vm/pieces
has "done True True" outcome changed 'extents_after < extents_before'
document 0 defragment pool vm/pieces
has False changed
document 1 defragment pool vm/snapshot
has unsupported "error['code']"
ok "defragment says its plan, and the extents before and after"

# The stream takes standard output: the document of send is on standard error, alone.
tool send --json pool vm/pieces >"$LAB/full" 2>"$LAB/document"
keep_document send
has "vm/pieces False True" state resumed 'sent > 0'
! tool send --json pool vm/none >"$LAB/none" 2>"$LAB/document" || die "sent"
keep_document send
has not-found "error['code']"
[ ! -s "$LAB/none" ] || die "a stream of nothing"
document 0 receive pool backup <"$LAB/full"
has "True False True $POOL/volumes/backup-dirty.img" created incremental 'received > 0' path
document 0 receive pool backup <"$LAB/full"
has "False 1" created revision
head -c 1900000 "$LAB/full" >"$LAB/cut"
document 1 receive --partial pool other <"$LAB/cut"
token=$(python3 -c "import json; print(json.load(open('$LAB/document'))['resume_token'])")
document 0 receive --token pool other
has "$token" resume_token
tool send --json --resume-from "$token" pool vm/pieces >"$LAB/rest" 2>"$LAB/document"
keep_document send
has True resumed
document 0 receive pool other <"$LAB/rest"
cmp "$POOL/volumes/other.img" "$POOL/vm/pieces.img"
document 1 receive --token pool other
document 0 receive --drop-partial pool other
has False changed
document 1 receive pool other <"$LAB/cut"
document 2 receive --token --partial pool other
ok "send and receive say what was moved, and how a stream goes on"

qemu-img create -q -f qcow2 "$LAB/disk.qcow2" 3M
document 0 import "$LAB/disk.qcow2" pool imported
has "$LAB/disk.qcow2 qcow2 3145728 True $POOL/volumes/imported-dirty.img" file format size created path
document 0 import "$LAB/disk.qcow2" pool imported@current
has "False 1 imported" created revision volume
document 1 import "$LAB/disk.qcow2" pool imported
has exists "error['code']"
document 1 import "$LAB/none.raw" pool other
has "system ENOENT" "error['code']" "error['errno']"
tool export --json --once --nbd "$LAB/nbd" pool imported >"$LAB/document" &
exporter=$!
eventually 20 test -S "$LAB/nbd"
qemu-img convert -f raw -O raw "nbd+unix:///?socket=$LAB/nbd" "$LAB/copy"
wait $exporter
keep_document export
has "3145728 $LAB/nbd" size socket
"$STAGE_DIR/bin/virt-reflink" export --json --from imported@1 --nbd "$LAB/nbd" pool imported >"$LAB/document" &
exporter=$!
eventually 20 grep -q '"changed"' "$LAB/document"
kill $exporter
wait $exporter
keep_document export
has "imported@1 changed" "top['from']" bitmap
document 1 export --nbd "$LAB/nbd" pool none
document 2 export pool imported
ok "import and export say what they made"

document 0 init "$dir/new"
has "True False" changed defined
document 2 init --keep=-2 "$dir/new"
mkdir "$dir/plain"
truncate -s 1M "$dir/plain/web.img"
document 0 adopt "$dir/plain"
has "planned False False clean" outcome changed "top['done']" "files[0]['becomes']"
exec 5<>"$dir/plain/web.img"
document 3 adopt "$dir/plain"
has "found 1" outcome 'len(obstacles)'
document 1 adopt --yes "$dir/plain"
has "state False" "error['code']" changed
exec 5>&-
document 0 adopt --yes "$dir/plain"
has "done True True" outcome changed "top['done']"
document 1 adopt "$dir/plain/none"
document 0 check pool
echo x >"$POOL/vm/volatile.img~12ab34"
document 3 check pool
has "found False temporary" outcome changed "findings[0]['code']"
document 0 check --repair pool
has "True ['vm/volatile']" changed cleared
ok "init, adopt and check say what they found and did"

# What only shows something keeps its own form, and fails in the common one.
for command in list check usage fragmentation metrics; do
    document 0 "$command" pool
    document 1 "$command" nowhere
    document 2 "$command"
done
document 0 info pool vm/persistent
document 0 revisions --changes pool vm/persistent
document 0 diff pool vm/pieces@1 vm/pieces
document 1 diff pool vm/pieces@1 vm/none
document 1 info pool vm/none
has "not-found vm/none" "error['code']" volume
document 1 revisions pool "../x"
pool_document good /srv/pool >"$LAB/good.xml"
document 0 validate "$LAB/good.xml"
document 1 validate /dev/null
document 2 validate
tool doctor --json >"$LAB/document" || :
keep_document doctor
document 2 doctor x
document 1 attach pool vm/persistent vm sda
document 1 repath pool
has "state False True" "error['code']" changed "'volume' not in top"
document 1 repath pool vm
document 2 repath
document 1 detach pool vm/persistent
ok "what shows something fails with the same document"

# A question is not asked on a terminal either, and nothing comes between.
script -qec "$(printf '%q ' "$STAGE_DIR/bin/virt-reflink" delete --json pool imported)" /dev/null </dev/null |
    tr -d '\r' >"$LAB/document"
grep -v '^virt-reflink: ' "$LAB/document" >"$LAB/rest"
mv "$LAB/rest" "$LAB/document"
keep_document delete
has unconfirmed "error['code']"
expect "volumes/imported.img" find "$POOL"
ok "a terminal gets the same"

tool --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -v -x log | sort >"$LAB/commands"
for file in "$LAB"/documents/*; do echo "${file##*.}"; done | sort -u | diff "$LAB/commands" - ||
    die "not each command was seen"
python3 -c 'import json, re, sys
words = {word for page in sys.argv[2:] for word in re.findall(r"[\w-]+", open(page).read())}
def names(schema):
    if isinstance(schema, list):
        return set().union(*map(names, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})).union(set(schema.get("enum", [])), *map(names, schema.values()))
unknown = {name for name in names(json.load(open(sys.argv[1]))) if isinstance(name, str)} - words
sys.exit("not in the manual page: %s" % unknown if unknown else 0)' \
    "$SOURCE_DIR"/docs/virt-reflink{.schema.json,-json.7,.8}
documents_fit || die "a document is not as the schema says"
ok "each command's documents are as the schema says"
done_testing
