#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A new snapshot volume has its precache made at once: already its first start clones nothing.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=512M -- getfattr

reflink_pool qubes "$dir/qubes"
random_file "$LAB/data" 1M
random_file "$LAB/other" 1M
virsh vol-create-as qubes vm/template 1M
virsh vol-upload vm/template "$LAB/data" --pool qubes

note()
{
    getfattr --only-values --absolute-names -n "trusted.libvirt-reflink.$2" "$1"
}

# made_of VOLUME: its precache is a clone of what the template is now.
made_of()
{
    [ "$(note "$(image "$1" -precache.img)" base)" = "$(note "$(image vm/template)" id)" ] &&
        cmp "$(image "$1" -precache.img)" "$(image vm/template)"
}

create_snapshot qubes vm/root "$(image vm/template)"
eventually 20 made_of vm/root
[ ! -e "$(image vm/root)" ] && [ ! -e "$(image vm/root -dirty.img)" ] || die "it has another image"
inode=$(stat -c %i "$(image vm/root -precache.img)")
start_volume vm/root
[ "$(stat -c %i "$(image vm/root -dirty.img)")" = "$inode" ] || die "it was not started from its precache"
cmp "$(image vm/root -dirty.img)" "$LAB/data"
stop_volume vm/root
ok "a new snapshot's first start takes the precache that its creation made"

start_volume vm/template
dd if="$LAB/other" of="$(image vm/template -dirty.img)" conv=notrunc status=none
create_snapshot qubes vm/second "$(image vm/template)"
eventually 20 made_of vm/second
cmp "$(image vm/second -precache.img)" "$LAB/data"
stop_volume vm/template
virsh vol-info vm/second qubes >/dev/null
"$STAGE_DIR/bin/virt-reflink" start "$pool" vm/second >/dev/null
cmp "$(image vm/second -dirty.img)" "$LAB/other"
ok "also while the template runs; a precache that has become stale is not used"

for i in $(seq 1 20); do
    create_snapshot qubes "many/v$i" "$(image vm/template)"
    [ $((i % 2)) = 0 ] || virsh vol-delete "many/v$i" qubes
done
for i in $(seq 2 2 20); do
    eventually 20 made_of "many/v$i"
done
eventually 10 has_drafts 0
[ "$(find "$pool/many" -type f | wc -l)" = 20 ] || die "left: $(ls "$pool/many")"
ok "a volume that is deleted at once leaves none"

done_testing
