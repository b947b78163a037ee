#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# NAME@LABEL, a revision that somebody named, and NAME@current, what a volume is to become.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states other=xfs -- fsfreeze

reflink_pool qubes "$dir/qubes" "<reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='db/*' kind='direct'/><reflink:volume match='none/*' keep='0'/>$fallback"
reflink_pool far "$other/far"
stock_pool plain "$dir/plain"
for number in 1 2 3; do
    random_file "$LAB/state$number" 4M
done
state1=$LAB/state1 state2=$LAB/state2 state3=$LAB/state3
virsh vol-create-as qubes web 4M
virsh vol-upload web "$state1" --pool qubes

# clone FROM TO
clone()
{
    virsh vol-clone "$1" "$2" --pool qubes
}

# --- labels

clone web web@one
holds web@one "$state1"
[ "$(stat -c %h "$(image web .img@one)")" = 1 ]
[ "$(stat -c %i "$(image web .img@one)")" != "$(stat -c %i "$(image web)")" ]
expect_exactly "$(image web .img@one)" virsh vol-path web@one qubes
ok "a named revision is an image of its own"

start_volume web
dd if="$state2" of="$(image web -dirty.img)" conv=notrunc status=none
clone web web@live
holds web@live "$state2"
holds web "$state1"
dd if="$state3" of="$(image web -dirty.img)" conv=notrunc status=none
holds web@live "$state2"
refused "'web' & running" "$pool" clone web@one web@current
stop_volume web
holds web "$state3"
ok "of a running volume it is what the guest has written by then"

for label in two 2018-01-02T03:04:05Z A.b_c+d-e:f; do
    clone web "web@$label"
    holds "web@$label" "$state3"
    expect "web@$label" volumes qubes
done
for label in "" -x .x a/b "a b" ü "$(printf 'x%.0s' {1..250})" 007; do
    refused "invalid" "$pool" clone web "web@$label"
done
refused "number" "$pool" clone web web@77
refused "already in use" "$pool" clone web web@one
cp "$(image web)" "$(image web .img@unlisted)"
refused "'web@unlisted' & exists|already in use" "$pool" clone web web@unlisted
rm "$(image web .img@unlisted)"
refused "no volume & 'nobody'" "$pool" clone web@one nobody@label
virsh vol-create-as qubes vm/other 4M
refused "'web' & revision" "$pool" clone vm/other web@label
ok "labels that are none are refused"

virsh vol-info web qubes >/dev/null
clone web web@gone
rm "$(image web .img@gone)"
virsh vol-info web qubes >/dev/null
expect_not web@gone volumes qubes
ok "one that another program removes at once is not listed any more"

for state in 1 2 3 1 2 3; do
    virsh vol-upload web "$LAB/state$state" --pool qubes
done
virsh vol-info web qubes >/dev/null
for label in one live two; do
    expect "web@$label" volumes qubes
done
holds web@one "$state1"
clone web@one web@three
holds web@three "$state1"
ok "it is never pruned, and a source for others"

# --- current

# current FROM [REVISION]: reverts to it, and the answer names what was replaced.
current()
{
    local answer

    answer=$(command virsh -c qemu:///system vol-clone "$1" web@current --pool qubes)
    [[ $answer =~ ^Vol\ (web@[0-9]+)\ cloned ]] || die "virsh says '$answer'"
    revision=${BASH_REMATCH[1]}
    expect "$revision" volumes qubes
    expect_exactly "$revision" virsh vol-name "$(virsh vol-path "$revision" qubes)"
}

current web@one
holds web "$state1"
holds "$revision" "$state3"
undo=$revision
current "$undo"
holds web "$state3"
holds "$revision" "$state1"
holds "$undo" "$state3"
holds web@one "$state1"
expect_not "@current" volumes qubes
nothing_left web
ok "a revert returns the revision that undoes it, and consumes nothing"

cp "$state2" "$dir/plain/file"
virsh pool-refresh plain
volume_document web@current 1 >"$LAB/volume.xml"
virsh vol-create-from qubes "$LAB/volume.xml" file --inputpool plain
holds web "$state2"
virsh vol-create-as far source 8M
virsh vol-create-from qubes "$LAB/volume.xml" source --inputpool far
[ "$(field Capacity virsh vol-info web qubes --bytes)" = 8388608 ]
[ "$(stat -c %b "$(image web)")" -le 16 ]
current web@one
[ "$(field Capacity virsh vol-info web qubes --bytes)" = 4194304 ]
virsh vol-upload vm/other "$state3" --pool qubes
clone vm/other web@current
holds web "$state3"
ok "anything from any pool can become it, and brings its size"

refused "web@current" "$pool" virsh vol-create-as qubes web@current 1M
refused "no volume & 'nobody'" "$pool" clone web nobody@current
fails_with "no storage vol" virsh vol-info web@current qubes
virsh vol-create-as qubes vm/volatile 4M
create_snapshot qubes vm/root "$pool/vm/other.img"
refused "'vm/volatile' & volatile" "$pool" clone web vm/volatile@current
refused "'vm/root' & snapshot" "$pool" clone web vm/root@current
refused "'vm/root' & snapshot" "$pool" \
    clone vm/root vm/root@label
start_volume web
leave_volume web
refused "'web' & left" "$pool" clone web@one web@current
start_volume web
for state in saved suspect; do
    hold_volume web $state
    refused "'web'" "$pool" clone web@one web@current
    clone web "web@$state"
done
discard_volume web
ok "what is in use, or has no content, is not replaced; a named revision can be taken of it"

virsh vol-create-as qubes none/web 4M
clone none/web none/web@current
virsh vol-info none/web qubes >/dev/null
expect none/web@1 volumes qubes
ok "a revert can be undone even where no revisions are kept"

virsh vol-create-as qubes db/main 4M
clone web db/main@current
holds db/main "$state3"
clone db/main db/main@backup
holds db/main@backup "$state3"
[ -e "$(image db/main .volume.xml)" ]
ok "a direct volume is replaced and stays direct"

# --- one that does not come to its end

before=$(listing "$pool")
rm -f "$dir/plain/file"
truncate -s 4M "$dir/plain/gone"
virsh pool-refresh plain
rm "$dir/plain/gone"
volume_document web@current 1 >"$LAB/volume.xml"
fails_with "gone|No such file" virsh vol-create-from qubes "$LAB/volume.xml" gone --inputpool plain
same_listing "$pool" "$before"
nothing_left web
holds web "$state3"
ok "an import that fails changes nothing"

done_testing
