#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# A full disk: what does not fit is refused, with a message that names it, and leaves nothing; what needs
# next to nothing works, or is refused as completely; what is deleted is free again. A guest that fills
# it: guest/full-disk.sh.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states full-disk size=320M -- fallocate

reflink_pool qubes "$pool"
mkdir "$LAB/plain"
random_file "$LAB/plain/large" 40M
random_file "$LAB/data" 1M
stock_pool plain "$LAB/plain"
reflink_pool source "$LAB/source" "<reflink:fallback copy='yes'/>"
virsh vol-create-as source large 40M
virsh vol-upload large "$LAB/plain/large" --pool source
virsh vol-create-as qubes vm/web 40M
virsh vol-upload vm/web "$LAB/data" --pool qubes
virsh vol-clone vm/web vm/web@label --pool qubes
create_snapshot qubes vm/snapshot "$pool/vm/web.img"
virsh vol-create-as qubes vm/kept 8M
fallocate -l 8M "$pool/vm/kept.img"
eventually 10 test -e "$pool/vm/web-precache.img"
eventually 10 has_drafts 0
volume_document vm/new 0 >"$LAB/new.xml"
volume_document vm/web@current 0 >"$LAB/current.xml"

# --- less than it takes

fill_up 16777216
info_follows
before=$(listing "$pool")
free=$(free_bytes "$dir")

# does_not_fit NAME COMMAND...: refused, and all is as it was.
does_not_fit()
{
    ! works_or_says "$@" || die "${*:2}: it did fit"
    same_listing "$pool" "$before"
    nothing_left vm/web
    eventually 20 has_free $((free - 2097152))
    info_is_true
}

does_not_fit "'vm/new'" virsh vol-create-from qubes "$LAB/new.xml" large --inputpool plain
does_not_fit "'vm/new'" virsh vol-create-from qubes "$LAB/new.xml" large --inputpool source
does_not_fit "'vm/web@current'" virsh vol-create-from qubes "$LAB/current.xml" large --inputpool plain
ok "a copy from another pool that does not fit"

does_not_fit "'vm/web'" virsh vol-upload vm/web "$LAB/plain/large" --pool qubes
does_not_fit "'vm/web'" virsh vol-upload vm/web "$LAB/plain/large" --pool qubes --sparse
ok "an upload that does not fit"

does_not_fit "'vm/web'" virsh vol-resize vm/web 60M --allocate --pool qubes
ok "an allocation that does not fit"

# --- nothing at all

fill_up
info_follows
before=$(listing "$pool")
holds vm/web "$LAB/data" 1048576
virsh vol-list qubes --details >"$LAB/list"
virsh vol-dumpxml vm/snapshot qubes >"$LAB/xml"
same_listing "$pool" "$before"
ok "a full pool is listed and read"

tool()
{
    "$STAGE_DIR/bin/virt-reflink" "$1" "$pool" "$2"
}

# start_or_nothing VOLUME: it starts, and stops, and can be discarded; or there is nothing of it.
start_or_nothing()
{
    local present=no

    [ ! -e "$(image "$1")" ] || present=$(stat -c '%i %s' "$(image "$1")")
    if works_or_says "'$1'" tool start "$1"; then
        works_or_says "'$1'" tool stop "$1" || tool discard "$1" >/dev/null
    fi
    [ ! -e "$(image "$1" -dirty.img)" ] || die "half a start of $1"
    [ "$present" = no ] || [ "$(stat -c '%i %s' "$(image "$1")")" = "$present" ] ||
        die "another clean image of $1"
}

sleep 2 # of a younger clean image it cannot be told that nothing was written
for _ in 1 2 3; do
    start_or_nothing vm/web
    start_or_nothing vm/snapshot
    rm -f "$pool/vm/web-precache.img" "$pool/vm/snapshot-precache.img" # so they have to clone
done
nothing_left vm/web
ok "starts and stops are done or refused"

for name in vm/clone vm/web@new; do
    before=$(listing "$pool")
    works_or_says "'$name'" virsh vol-clone vm/web $name --pool qubes || same_listing "$pool" "$before"
done
before=$(listing "$pool")
works_or_says "'other/new'" virsh vol-create-as qubes other/new 4M || same_listing "$pool" "$before"
works_or_says "'vm/web@current'" virsh vol-clone vm/web@label vm/web@current --pool qubes || true
works_or_says "'vm/kept'" virsh vol-resize vm/kept 9M --pool qubes || true
nothing_left vm/web vm/kept
virsh pool-refresh qubes
for name in $(volumes qubes); do
    expect "Capacity" virsh vol-info "$name" qubes
done
ok "volumes and revisions are made whole or not at all"

# --- and back

for name in $(volumes qubes); do
    case $name in vm/kept | vm/clone | vm/web@new | other/new) virsh vol-delete "$name" qubes ;; esac
done
eventually 20 has_no_temporaries
eventually 20 has_free 6291456
info_follows
random_file "$LAB/small" 4M
virsh vol-create-as qubes vm/small 4M
virsh vol-upload vm/small "$LAB/small" --pool qubes
holds vm/small "$LAB/small"
holds vm/web@label "$LAB/data" 1048576
ok "what is deleted is free again, and used"

drop_ballast
eventually 20 has_free 209715200
info_follows
virsh vol-upload vm/web "$LAB/plain/large" --pool qubes
holds vm/web "$LAB/plain/large"
tool start vm/snapshot >/dev/null
tool stop vm/snapshot >/dev/null
nothing_left vm/small
echo "# on the full disk: $done_without_space operations done, $refused_for_space refused"
[ "$refused_for_space" -ge 6 ]
ok "and with space all of it works"

done_testing
