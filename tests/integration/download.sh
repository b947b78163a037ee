#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs ext4
# vol-download: the last committed state, which does not change while it is read, whatever happens to
# the volume meanwhile.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states -- mkfifo

reflink_pool qubes "$dir/qubes" "<reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='db/*' kind='direct'/>$fallback"
old=$LAB/old new=$LAB/new got=$LAB/got
random_file "$old" 8M
random_file "$new" 8M
virsh vol-create-as qubes web 8M
virsh vol-upload web "$old" --pool qubes

download()
{
    virsh vol-download "$1" "$got" --pool qubes "${@:2}"
}

# --- whole, ranges, holes

download web
cmp "$got" "$old"
download web@1
[ "$(stat -c %s "$got")" = 8388608 ]
cmp -n 8388608 "$got" /dev/zero
ok "a volume and its revisions are downloaded whole"

# part FROM LENGTH: of the old file, as the download with the options that follow has it.
part()
{
    download web "${@:3}"
    cmp "$got" <(tail -c +$(($1 + 1)) "$old" | head -c "$2")
}

part 0 1 --length 1
part 1 4095 --offset 1 --length 4095
part 1000000 $((8388608 - 1000000)) --offset 1000000
part 8388607 1 --offset 8388607
part 1048576 2097152 --offset 1048576 --length 2097152 --sparse
download web --offset 8388609 # as for a stock volume
[ ! -s "$got" ]
ok "--offset and --length bring that range, as far as there is one"

for hole in "0 1" "3 2" "7 1" "0 8"; do
    cp "$old" "$LAB/sparse"
    # shellcheck disable=SC2086
    set -- $hole
    fallocate --punch-hole --offset "$1M" --length "$2M" "$LAB/sparse"
    virsh vol-upload web "$LAB/sparse" --pool qubes --sparse
    download web --sparse
    cmp "$got" "$LAB/sparse"
    [ "$(stat -c %b "$got")" -le "$((($(stat -c %b "$LAB/sparse")) + 16))" ]
    download web
    cmp "$got" "$LAB/sparse"
done
ok "with --sparse holes come as holes"

# --- what happens meanwhile

# begin NAME: a download of it that has begun, and waits for its reader.
begin()
{
    rm -f "$LAB/pipe"
    mkfifo "$LAB/pipe"
    env virsh -q -c qemu:///system vol-download "$1" "$LAB/pipe" --pool qubes 6>&- &
    download=$!
    exec 8<"$LAB/pipe"
    head -c 4096 <&8 >"$got"
}

# end FILE: the rest of it, and all of it is FILE.
end()
{
    cat <&8 >>"$got"
    exec 8<&-
    wait "$download"
    cmp "$got" "$1"
}

virsh vol-upload web "$old" --pool qubes
start_volume web
dd if="$new" of="$(image web -dirty.img)" conv=notrunc,fsync status=none
holds web "$old"
begin web
stop_volume web
holds web "$new"
end "$old"
ok "while the volume runs it is what was committed last, also if that changes meanwhile"

begin web
virsh vol-upload web "$old" --pool qubes
end "$new"
virsh vol-clone web large --pool qubes
begin large
virsh vol-resize large 16M --pool qubes
end "$old"
virsh vol-delete large qubes
revision=$(volumes qubes | sed -n 's/^web@//p' | tail -n 1)
virsh vol-clone web web@kept --pool qubes
begin web
virsh vol-clone "web@$revision" web@current --pool qubes
end "$old"
begin web@kept
virsh vol-delete web@kept qubes
end "$old"
virsh vol-info web qubes >/dev/null
name=$(volumes qubes | grep '^web@[0-9]' | tail -n 1)
virsh vol-download "$name" "$LAB/revision" --pool qubes
begin "$name"
for _ in 1 2 3; do # the pool keeps one
    virsh vol-upload web "$new" --pool qubes
done
virsh vol-info web qubes >/dev/null
expect_not "$name" volumes qubes
end "$LAB/revision"
begin web
virsh vol-delete web qubes
expect_not web volumes qubes
end "$new"
ok "an upload, a resize, a revert, a prune or a deletion meanwhile does not change it"

# --- what cannot be downloaded

virsh vol-create-as qubes vm/volatile 8M
virsh vol-create-as qubes vm/template 8M
create_snapshot qubes vm/root "$pool/vm/template.img"
virsh vol-create-as qubes db/main 8M
refused "'vm/volatile' & volatile" "$pool" \
    virsh vol-download vm/volatile "$got" --pool qubes
refused "'vm/root' & 'vm/template'" "$pool" \
    virsh vol-download vm/root "$got" --pool qubes
start_volume db/main
fails_with "'db/main' & running" \
    virsh vol-download db/main "$got" --pool qubes
stop_volume db/main
download db/main
cmp -n 8388608 "$got" /dev/zero
ok "neither a snapshot nor a volatile volume has a content, nor a direct one while it runs"

# --- in every other state

virsh vol-upload vm/template "$old" --pool qubes
start_volume vm/template
dd if="$new" of="$(image vm/template -dirty.img)" conv=notrunc,fsync status=none
for state in saved suspect; do
    hold_volume vm/template $state
    holds vm/template "$old"
done
setfattr -x trusted.libvirt-reflink.hold "$(image vm/template -dirty.img)"
leave_volume vm/template
holds vm/template "$old"
discard_volume vm/template
holds vm/template "$old"
ok "saved, suspect or left by a crash, it is what was committed last"

begin vm/template
kill -KILL "$download"
wait "$download" 2>/dev/null || true
exec 8<&-
holds vm/template "$old"
expect vm/template volumes qubes
ok "a client that goes away in the middle does no harm"

done_testing
