#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# An upload that is refused, or does not end well, changes nothing, leaves nothing, and its client is
# told. What happens to the volume or the daemon in the middle: upload-meanwhile.sh.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states slow-upload size=512M -- mkfifo

reflink_pool qubes "$dir/qubes" "<reflink:volume match='*/volatile' kind='volatile'/>"
old=$LAB/old new=$LAB/new
random_file "$old" 8M
random_file "$new" 8M
virsh vol-create-as qubes web 8M
virsh vol-upload web "$old" --pool qubes
virsh vol-create-as qubes vm/volatile 8M
virsh vol-create-as qubes vm/template 8M
create_snapshot qubes vm/root "$pool/vm/template.img"
virsh vol-clone vm/template vm/template@named --pool qubes
eventually 10 has_drafts 0

# unchanged: web and its files are what they were, and nothing else is left.
unchanged()
{
    nothing_left web
    same_listing "$pool" "$before"
    holds web "$old"
}

before=$(listing "$pool")
available=$(free_bytes "$dir")

# --- the client

begin_upload web
same_listing "$pool" "$before"
kill -KILL "$upload"
upload_is_gone
exec 8>&-
unchanged
ok "a client that is killed changes nothing"

begin_upload web
kill -TERM "$upload"
upload_is_gone
exec 8>&-
unchanged
[ $(($(free_bytes "$dir") - available)) -ge -1048576 ]
ok "nor does one that is ended, and the space comes back"

# --- too much

random_file "$LAB/long" 9M
upload_refused()
{
    refused "$1" "$pool" virsh vol-upload "$2" "$3" --pool qubes "${@:4}"
    nothing_left
}
upload_refused "exceeds & 'web'" web "$LAB/long"
upload_refused "exceeds the requested range" web "$new" --offset 1
upload_refused "exceeds the requested range" web "$new" --length 4096
upload_refused "exceeds the requested range" web "$LAB/long" --sparse
truncate -s 9M "$LAB/hole"
upload_refused "exceeds the requested range" web "$LAB/hole" --sparse
upload_refused "0 bytes at offset 8388609 exceed the" web "$new" --offset 8388609
upload_refused "8388608 bytes at offset 1 exceed the" web "$new" --offset 1 --length 8388608
upload_refused "exceed the|[Oo]verflow" web "$new" --offset 1 --length 18446744073709551615
unchanged
ok "what goes beyond the volume's end, or its range's, is refused"

# --- a full disk

fallocate -l $(($(free_bytes "$dir") / 4096 * 4096 - 3 * 1048576)) "$dir/ballast" 2>/dev/null ||
    fallocate -l $(($(free_bytes "$dir") * 8 / 10)) "$dir/ballast"
dd if=/dev/zero of="$dir/more-ballast" bs=256k oflag=dsync status=none 2>/dev/null || true
fails_with "No space left on device" virsh vol-upload web "$new" --pool qubes
nothing_left web
rm "$dir/ballast" "$dir/more-ballast"
unchanged
[ $(($(free_bytes "$dir") - available)) -ge -1048576 ]
virsh vol-upload web "$new" --pool qubes
holds web "$new"
virsh vol-clone web@2 web@current --pool qubes
virsh vol-delete web@3 qubes
ok "a full disk makes the upload fail, and is no fuller afterwards"

# --- the volume

for name in web@1 web@2 vm/template@named; do
    virsh vol-info "$name" qubes >/dev/null 2>&1 || continue
    upload_refused "'$name' & read-only" "$name" "$new"
done
upload_refused "'vm/volatile' is volatile" vm/volatile "$new"
upload_refused "'vm/root' is snapshot" vm/root "$new"
ok "revisions, volatile volumes and snapshots have no content to replace"

start_volume web
upload_refused "'web' & running" web "$new"
leave_volume web
upload_refused "'web' & left" web "$new"
start_volume web
hold_volume web saved
upload_refused "'web' & by hand & saved" web "$new"
discard_volume web
start_volume web
hold_volume web suspect
upload_refused "'web' & suspect" web "$new"
discard_volume web
holds web "$old"
ok "one that is running, left, saved or suspect is not replaced"

done_testing
