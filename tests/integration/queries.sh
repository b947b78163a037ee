#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs ext4
# What libvirt says of volumes and pools is right in every state, and after every operation, without
# a pool-refresh.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states

reflink_pool qubes "$dir/qubes" "<reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='db/*' kind='direct'/>$fallback"
random_file "$LAB/data" 8M

xml()
{
    virsh vol-dumpxml "$1" qubes
}

# between TAG COMMAND...: what is between <TAG> and </TAG>, without the backing store's.
between()
{
    local tag=$1
    shift
    "$@" | sed '/<backingStore>/,/<\/backingStore>/d' | sed -n "s/.*<${tag}[^>]*>\(.*\)<\/$tag>.*/\1/p"
}

# described NAME FILE: all that libvirt says of the volume is what FILE is, and the four ways to ask
# agree.
described()
{
    local file=$2 size blocks

    size=$(stat -c %s "$file")
    expect_exactly "$size" field Capacity virsh vol-info "$1" qubes --bytes
    blocks=$(($(stat -c %b "$file") * 512))
    expect_exactly "$blocks" field Allocation virsh vol-info "$1" qubes --bytes
    expect_exactly "$size" between capacity xml "$1"
    expect_exactly "$blocks" between allocation xml "$1"
    expect_exactly "$size" between physical virsh vol-dumpxml "$1" qubes
    expect "format type='raw'" xml "$1"
    expect_exactly "$(printf '%04o' "0$(stat -c %a "$file")")" between mode xml "$1"
    expect_exactly "$(stat -c '%u %g' "$file")" \
        echo "$(between owner xml "$1") $(between group xml "$1")"
    expect_exactly "$(stat -c %Y "$file")" \
        bash -c "echo '$(between mtime xml "$1")' | sed 's/[.].*//'"
    found "$1"
}

# found NAME: by its path and by its key, and the other way round.
found()
{
    local path

    path=$(virsh vol-path "$1" qubes)
    expect_exactly "$path" virsh vol-key "$1" qubes
    expect_exactly "$path" between key xml "$1"
    expect_exactly "$path" between path xml "$1"
    expect_exactly "$1" between name xml "$1"
    expect_exactly "$1" virsh vol-name "$path"
    expect_exactly qubes virsh vol-pool "$path"
    expect "$1" virsh vol-list qubes --details
    expect "$path" virsh vol-list qubes
}

# backed NAME [PATH]: that is its backing store; none without PATH.
backed()
{
    if [ -n "${2:-}" ]; then
        expect "<path>$2</path>" bash -c \
            "virsh -q -c qemu:///system vol-dumpxml $1 qubes | sed -n '/<backingStore>/,\$p'"
    else
        expect_not "<backingStore>" xml "$1"
    fi
}

# --- in every state

virsh vol-create-as qubes web 8M
described web "$(image web)"
backed web
virsh vol-upload web "$LAB/data" --pool qubes
described web "$(image web)"
virsh vol-clone web web@named --pool qubes
for name in web@1 web@named; do
    described "$name" "$(virsh vol-path "$name" qubes)"
    backed "$name"
done
[[ $(virsh vol-path web@1 qubes) == "$pool"/volumes/web.img.1@20??-??-??T??:??:??Z ]]
start_volume web
dd if=/dev/zero of="$(image web -dirty.img)" bs=64k count=1 seek=128 conv=notrunc,fsync status=none
described web "$(image web -dirty.img)"
backed web "$(image web)"
for state in saved suspect; do
    hold_volume web $state
    described web "$(image web -dirty.img)"
    backed web "$(image web)"
done
setfattr -x trusted.libvirt-reflink.hold "$(image web -dirty.img)"
leave_volume web
described web "$(image web -dirty.img)"
stop_volume web
described web "$(image web)"
backed web
expect web@2 volumes qubes
described web@2 "$(virsh vol-path web@2 qubes)"
fails_with "no storage vol" virsh vol-info web@1 qubes # one is kept
ok "a persistent volume is its dirty image while it has one, backed by the clean one"

virsh vol-create-as qubes vm/volatile 3M
expect_exactly 3145728 field Capacity virsh vol-info vm/volatile qubes --bytes
expect_exactly 0 field Allocation virsh vol-info vm/volatile qubes --bytes
found vm/volatile
start_volume vm/volatile
described vm/volatile "$(image vm/volatile -dirty.img)"
stop_volume vm/volatile
expect_exactly 3145728 field Capacity virsh vol-info vm/volatile qubes --bytes
backed vm/volatile
ok "a volatile one has its size, and blocks only while it runs"

create_snapshot qubes vm/root "$(virsh vol-path web qubes)"
expect_exactly 8454144 field Capacity virsh vol-info vm/root qubes --bytes
found vm/root
backed vm/root "$(image web)"
start_volume vm/root
described vm/root "$(image vm/root -dirty.img)"
backed vm/root "$(image web)"
virsh vol-upload web "$LAB/data" --pool qubes
virsh vol-info web qubes >/dev/null
backed vm/root "$(virsh vol-path web@3 qubes)"
virsh vol-delete web@3 qubes
backed vm/root
stop_volume vm/root
backed vm/root "$(image web)"
ok "a snapshot is backed by what it was made from, while that is there"

virsh vol-create-as qubes db/main 1M
described db/main "$(image db/main)"
start_volume db/main
described db/main "$(image db/main -dirty.img)"
stop_volume db/main
backed db/main
ok "a direct one is the one image it has"

# --- mode and owner

permissions="<target><permissions><mode>0644</mode><owner>7</owner><group>8</group></permissions></target>"
create_volume qubes readable 1048576 "$permissions"
described readable "$(image readable)"
[ "$(stat -c '%a %u %g' "$(image readable)")" = "644 7 8" ]
start_volume readable
[ "$(stat -c '%a %u %g' "$(image readable -dirty.img)")" = "644 7 8" ]
echo >&6
stop_volume readable
[ "$(stat -c '%a %u %g' "$(image readable)")" = "644 7 8" ]
virsh vol-info readable qubes >/dev/null
described readable@1 "$(virsh vol-path readable@1 qubes)"
expect_exactly 0644 between mode xml readable@1
volume_document copy 1 "$permissions" >"$LAB/volume.xml"
virsh vol-create-from qubes "$LAB/volume.xml" web --inputpool qubes
[ "$(stat -c '%a %u %g' "$(image copy)")" = "644 7 8" ]
virsh vol-clone web readable@current --pool qubes
[ "$(stat -c '%a %u %g' "$(image readable)")" = "644 7 8" ]
virsh vol-create-as qubes private 1M
[ "$(stat -c '%a %u %g' "$(image private)")" = "600 0 0" ]
create_volume qubes tmp/volatile 1048576 "$permissions"
owned="<mode>0644</mode> <owner>7</owner> <group>8</group>"
permissions_shown()
{
    virsh vol-dumpxml tmp/volatile qubes | sed -n '/<permissions>/,/<.permissions>/p' | sed '1d;$d' | xargs
}
for size in 2 4; do
    expect_exactly "$owned" permissions_shown
    start_volume tmp/volatile
    [ "$(stat -c '%a %u %g' "$(image tmp/volatile -dirty.img)")" = "644 7 8" ]
    virsh vol-resize tmp/volatile ${size}M --pool qubes
    stop_volume tmp/volatile
    virsh pool-refresh qubes
    expect_exactly "$owned" permissions_shown
    virsh vol-resize tmp/volatile $((size + 1))M --pool qubes
done
create_volume qubes vm/of-readable 0 \
    "<backingStore><path>$(image readable)</path></backingStore>$permissions"
expect_not "<permissions>" virsh vol-dumpxml vm/of-readable qubes
ok "a volume has the mode and owner it was created with, through runs, reverts and revisions"

done_testing
