#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# What a user does with volumes and their revisions, by virsh. On ext4 all of it by copying.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool

reflink_pool qubes "$dir/qubes" "$fallback"

# holds NAME FILE [BYTES]: a download of the volume or revision brings the same as is in the file.
holds()
{
    virsh vol-download "$1" "$LAB/downloaded" --pool qubes
    cmp ${3:+-n "$3"} "$LAB/downloaded" "$2" || die "$1 does not hold $2"
}

capacity()
{
    virsh vol-info "$1" qubes --bytes | awk '$1 == "Capacity:" { print $2 }'
}

# answer COMMAND...: virsh with what it says besides results.
answer()
{
    command virsh -c qemu:///system "$@"
}

# --- create, list, info

virsh vol-create-as qubes web1 1M
[ "$(stat -c '%s %a' "$pool/volumes/web1.img")" = "1048576 600" ]
expect_exactly "$pool/volumes/web1-dirty.img" virsh vol-path web1 qubes
expect_exactly "$pool/volumes/web1-dirty.img" virsh vol-key web1 qubes
expect_exactly web1 virsh vol-name "$pool/volumes/web1-dirty.img"
expect_exactly qubes virsh vol-pool "$pool/volumes/web1-dirty.img"
[ ! -e "$(virsh vol-path web1 qubes)" ]
ok "a name of one component lives in volumes/, and its path is the dirty image's"

virsh vol-create-as qubes appvms/foo/private 3M
[ "$(stat -c %s "$pool/appvms/foo/private.img")" = 3145728 ]
expect_exactly $'appvms/foo/private\nweb1' volumes qubes
expect "Capacity:       3.00 MiB" virsh vol-info appvms/foo/private qubes
[ "$(stat -c %b "$pool/appvms/foo/private.img")" -le 8 ] # ext4's attributes are a block
expect "<format type='raw'/>" virsh vol-dumpxml appvms/foo/private qubes
expect_not "backingStore" virsh vol-dumpxml appvms/foo/private qubes
expect "<mode>0600</mode>" virsh vol-dumpxml appvms/foo/private qubes
ok "a name may have directories, which are made"

create_volume qubes a/b/c/d/e/f/g/h 4096 \
    "<target><permissions><mode>0640</mode><owner>7</owner><group>8</group></permissions></target>"
[ "$(stat -c '%a %u %g' "$pool/a/b/c/d/e/f/g/h.img")" = "640 7 8" ]
virsh vol-create-as qubes "Grüße aus:Köln,{und} 'mehr'" 1M
virsh vol-delete "Grüße aus:Köln,{und} 'mehr'" qubes
virsh vol-create-as qubes full 2M --allocation 2M
virsh vol-delete full qubes
ok "eight components, permissions and unusual characters are fine"

# --- between pools

mkdir "$dir/plain"
head -c 300000 /dev/urandom >"$dir/plain/first"
truncate -s 1M "$dir/plain/first"
head -c 1M /dev/urandom >"$dir/plain/second"
stock_pool plain "$dir/plain"
volume_document vm-templates/demo/root 1048576 >"$LAB/volume.xml"
virsh vol-create-from qubes "$LAB/volume.xml" first --inputpool plain
holds vm-templates/demo/root "$dir/plain/first"
[ "$(stat -c %b "$pool/vm-templates/demo/root.img")" -lt 1024 ]
ok "a volume of a plain pool is taken in, without its holes"

volume_document out 1048576 >"$LAB/volume.xml"
virsh vol-create-from plain "$LAB/volume.xml" vm-templates/demo/root --inputpool qubes
cmp "$dir/plain/out" "$dir/plain/first"
ok "and given to a plain pool"

# --- clones

virsh vol-clone vm-templates/demo/root appvms/bar/root --pool qubes
holds appvms/bar/root "$dir/plain/first"
[ "$(stat -c %i "$pool/appvms/bar/root.img")" != "$(stat -c %i "$pool/vm-templates/demo/root.img")" ]
[ "$FS" = ext4 ] ||
    expect shared filefrag -v "$pool/appvms/bar/root.img"
volume_document appvms/bar/large 2097152 >"$LAB/volume.xml"
virsh vol-create-from qubes "$LAB/volume.xml" vm-templates/demo/root --inputpool qubes
[ "$(capacity appvms/bar/large)" = 2097152 ]
holds appvms/bar/large "$dir/plain/first" 1048576
if [ "$FS" = ext4 ]; then
    refused "reflink" "$pool" virsh vol-clone web1 web2 --pool qubes --reflink
else
    virsh vol-clone web1 web2 --pool qubes --reflink
fi
ok "a clone has the same bytes in an image of its own"

# --- named revisions

virsh vol-clone vm-templates/demo/root vm-templates/demo/root@before-upgrade --pool qubes
expect_exactly "$pool/vm-templates/demo/root.img@before-upgrade" \
    virsh vol-path vm-templates/demo/root@before-upgrade qubes
expect vm-templates/demo/root@before-upgrade volumes qubes
[ "$(capacity vm-templates/demo/root@before-upgrade)" = 1048576 ]
volume_document vm-templates/demo/root@current 1 >"$LAB/volume.xml"
answer vol-create-from qubes "$LAB/volume.xml" second --inputpool plain >"$LAB/said"
grep -q "Vol vm-templates/demo/root@1 created" "$LAB/said"
holds vm-templates/demo/root "$dir/plain/second"
holds vm-templates/demo/root@1 "$dir/plain/first"
holds vm-templates/demo/root@before-upgrade "$dir/plain/first"
holds appvms/bar/root "$dir/plain/first"
ok "a volume of elsewhere becomes the new content, and the old one revision 1"

answer vol-clone vm-templates/demo/root@before-upgrade vm-templates/demo/root@current \
    --pool qubes >"$LAB/said"
grep -q "Vol vm-templates/demo/root@2 cloned" "$LAB/said"
holds vm-templates/demo/root "$dir/plain/first"
holds vm-templates/demo/root@2 "$dir/plain/second"
virsh vol-clone vm-templates/demo/root@2 vm-templates/demo/root@current --pool qubes
holds vm-templates/demo/root "$dir/plain/second"
ok "a revert returns the revision that undoes it"

before=$(volumes qubes)
virsh pool-refresh qubes
expect_exactly "$before" volumes qubes
for number in 1 2 3; do
    expect "root@$number" volumes qubes
done
expect_not "@current" volumes qubes
virsh vol-clone vm-templates/demo/root@2 appvms/from-revision/root --pool qubes
holds appvms/from-revision/root "$dir/plain/second"
ok "revisions are listed as volumes, and cloned from"

virsh vol-delete vm-templates/demo/root@2 qubes
expect_not "root@2" volumes qubes
virsh vol-clone vm-templates/demo/root@1 vm-templates/demo/root@current --pool qubes
expect "root@4" volumes qubes
ok "a deleted revision's number is not given again"

refused "read-only" "$pool" \
    virsh vol-resize vm-templates/demo/root@1 2M --pool qubes
refused "'web1' & revision" "$pool" \
    virsh vol-clone vm-templates/demo/root web1@other --pool qubes
ok "a revision is not written to, and is of its own volume"

# --- resize

id=$(stat -c %i "$pool/appvms/bar/root.img")
virsh vol-resize appvms/bar/root 2M --pool qubes
[ "$(stat -c %i "$pool/appvms/bar/root.img")" != "$id" ]
virsh vol-resize appvms/bar/root 1M --delta --pool qubes
[ "$(capacity appvms/bar/root)" = 3145728 ]
holds appvms/bar/root "$dir/plain/first" 1048576
refused "shrink" "$pool" virsh vol-resize appvms/bar/root 1M --pool qubes
virsh vol-resize appvms/bar/root 512K --shrink --pool qubes
[ "$(capacity appvms/bar/root)" = 524288 ]
holds appvms/bar/root "$dir/plain/first" 524288
virsh vol-resize web1 5M --allocate --pool qubes
expect "Allocation:     5.00 MiB" virsh vol-info web1 qubes
holds vm-templates/demo/root "$dir/plain/first"
ok "a resize keeps the bytes, and shrinks only when told to"

# --- sizes that are no whole sectors

# Everywhere they are rounded up, and libvirt says so; what another program made so is left as it is.
virsh vol-create-as qubes odd 1000
[ "$(capacity odd)" = 1024 ]
virsh vol-resize odd 100001 --pool qubes
[ "$(capacity odd)" = 100352 ]
virsh vol-resize odd 50001 --shrink --pool qubes
[ "$(capacity odd)" = 50176 ]
head -c 1500 /dev/urandom >"$dir/plain/odd-file"
truncate -s 1500 "$pool/volumes/odd.img"
virsh pool-refresh plain
virsh vol-create-from qubes <(volume_document sizes/imported 1) odd-file --inputpool plain
[ "$(capacity sizes/imported)" = 1536 ]
cmp -n 1500 "$pool/sizes/imported.img" "$dir/plain/odd-file"
[ "$(stat -c %s "$pool/volumes/odd.img")" = 1500 ]
virsh vol-clone odd sizes/cloned --pool qubes
virsh vol-clone odd odd@label --pool qubes
[ "$(capacity sizes/cloned) $(capacity odd@label)" = "1536 1536" ]
virsh vol-upload odd "$dir/plain/odd-file" --pool qubes
[ "$(capacity odd)" = 1536 ]
cmp -n 1500 "$pool/volumes/odd.img" "$dir/plain/odd-file"
virsh vol-delete odd qubes --delete-snapshots
virsh vol-delete sizes/cloned qubes
virsh vol-delete sizes/imported qubes
rmdir "$pool/sizes"
rm "$dir/plain/odd-file"
virsh pool-refresh plain
ok "a size that is no whole sectors is rounded up, also by clone, import, revision and upload"

# --- the size of a snapshot

snapshot_document()
{
    echo "<volume><name>$1</name><capacity>0</capacity><backingStore>
        <path>$(virsh vol-path appvms/bar/root qubes)</path></backingStore></volume>"
}
virsh vol-create qubes <(snapshot_document snap)
[ "$(capacity snap)" = 524288 ]
virsh vol-resize snap 1M --pool qubes
[ "$(capacity snap)" = 1048576 ]
refused "'snap' & 'appvms/bar/root' & 524288" "$pool" \
    virsh vol-resize snap 256K --shrink --pool qubes
virsh vol-resize appvms/bar/root 2M --pool qubes
[ "$(capacity snap)" = 2097152 ]
virsh vol-resize appvms/bar/root 512K --shrink --pool qubes
[ "$(capacity snap)" = 1048576 ]
ok "a snapshot may be larger than its source, never smaller"

# --- a volume that a snapshot is made of

for option in "" --delete-snapshots; do
    # shellcheck disable=SC2086
    refused "'appvms/bar/root' & source & 'snap' & virt-reflink delete --with-users" "$pool" \
        virsh vol-delete appvms/bar/root qubes $option
done
virsh vol-delete snap qubes
virsh vol-clone appvms/bar/root appvms/bar/spare --pool qubes
virsh vol-delete appvms/bar/spare qubes
ok "a source is not deleted, and names whom that would stop"

# --- a kind that the name asks for

# kind VOLUME
kind()
{
    tool list "$pool" | awk -v name="$1" '$1 == name { print $2 }'
}

for asked in persistent volatile direct; do
    virsh vol-create-as qubes "asked@kind=$asked" 1M
    expect "asked" volumes qubes
    expect_not "kind" volumes qubes
    [ "$(kind asked)" = "$asked" ] || die "$asked: $(tool list "$pool")"
    refused "asked & exist" "$pool" virsh vol-create-as qubes "asked@kind=$asked" 1M
    virsh vol-delete asked qubes
done
virsh vol-clone web1 asked@kind=direct --pool qubes
[ "$(kind asked)" = direct ]
virsh vol-download web1 "$LAB/web1" --pool qubes
holds asked "$LAB/web1"
# An existing volume becomes one of another kind in place: with its revisions, and with what it has.
for asked in persistent direct direct persistent; do
    revision=$(answer vol-clone asked "asked@current@kind=$asked" --pool qubes | grep -o "asked@[0-9]*" | tail -n 1)
    [ "$(kind asked)" = "$asked" ] || die "$asked: $(tool list "$pool")"
    holds asked "$LAB/web1"
    holds "$revision" "$LAB/web1"
done
[ "$(volumes qubes | grep -c '^asked@')" = 4 ]
tool start "$pool" asked >/dev/null
refused "asked & running" "$pool" virsh vol-clone web1 asked@current@kind=direct --pool qubes
tool stop "$pool" asked
[ "$(kind asked)" = persistent ]
virsh vol-delete asked qubes
refused "web1 & volatile" "$pool" virsh vol-clone web1 web1@current@kind=volatile --pool qubes
refused "label & revision & kind" "$pool" virsh vol-clone web1 web1@label@kind=direct --pool qubes
refused "asked & volatile" "$pool" virsh vol-clone web1 asked@kind=volatile --pool qubes
refused "persistent, snapshot, volatile or direct" "$pool" virsh vol-create-as qubes asked@kind=fast 1M
refused "asked & snapshot & needs a <backingStore>" "$pool" virsh vol-create-as qubes asked@kind=snapshot 1M
refused "asked & snapshot & <backingStore>" "$pool" virsh vol-clone web1 asked@kind=snapshot --pool qubes
refused "asked & volatile & <backingStore>" "$pool" create_snapshot qubes asked@kind=volatile "$pool/volumes/web1.img"
expect_not asked volumes qubes
[ ! -e "$pool/volumes/asked.volume.xml" ]
ok "the name of a new volume may ask for its kind"

# --- a backing store: the source of a snapshot, or what a lasting volume begins as

# lasts POOL VOLUME KIND TEMPLATE: a volume of its own, with what the template has.
lasts()
{
    local path
    path=$(virsh vol-path "$4" "$1")
    expect "kind             $3" tool info "$1" "$2"
    expect_not source tool info "$1" "$2"
    expect_not backingStore virsh vol-dumpxml "$2" "$1"
    cmp "$(dirname "$(virsh vol-path "$2" "$1")")/$2.img" "${path%-dirty.img}.img"
}

for asked in persistent direct; do
    create_snapshot qubes "asked@kind=$asked" "$pool/volumes/web1.img"
    lasts qubes asked "$asked" web1
    virsh vol-delete asked qubes
done
create_snapshot qubes asked@kind=snapshot "$pool/volumes/web1.img"
[ "$(kind asked)" = snapshot ]
virsh vol-delete asked qubes
reflink_pool lasting "$dir/lasting" "$fallback<reflink:volume match='*' backing='persistent'/>
    <reflink:volume match='direct' backing='direct'/><reflink:volume match='vm/*' backing='snapshot'/>"
virsh vol-create-as lasting template 1M
virsh vol-upload template "$dir/plain/first" --pool lasting
create_snapshot lasting web "$(virsh vol-path template lasting)"
create_snapshot lasting direct "$(virsh vol-path template lasting)"
create_snapshot lasting vm/root "$(virsh vol-path template lasting)"
create_volume lasting large 2097152 "<backingStore><path>$(virsh vol-path template lasting)</path></backingStore>"
lasts lasting web persistent template
lasts lasting direct direct template
expect "source           template" tool info lasting vm/root
[ "$(stat -c %s "$dir/lasting/volumes/large.img")" = 2097152 ]
cmp -n 1048576 "$dir/lasting/volumes/large.img" "$dir/plain/first"
[ "$FS" = ext4 ] || expect shared filefrag -v "$dir/lasting/volumes/web.img"
refused "web & smaller" "$dir/lasting" create_volume lasting web2 512 \
    "<backingStore><path>$(virsh vol-path template lasting)</path></backingStore>"
virsh vol-delete vm/root lasting
virsh vol-delete template lasting
cmp "$dir/lasting/volumes/web.img" "$dir/plain/first"
ok "name or rules say whether a backing store makes a snapshot or a volume that lasts"

# --- what is refused

refused "web1 & wiped" "$pool" virsh vol-wipe web1 qubes
ok "nothing is ever written in place"

# --- delete

refused "named & vm-templates/demo/root@before-upgrade" "$pool" \
    virsh vol-delete vm-templates/demo/root qubes
virsh vol-delete vm-templates/demo/root qubes --delete-snapshots
[ ! -e "$pool/vm-templates/demo" ]
[ -d "$pool/vm-templates" ]
expect_not vm-templates volumes qubes
holds appvms/from-revision/root "$dir/plain/second"
virsh vol-clone web1 web1@current --pool qubes
virsh vol-delete web1 qubes
expect_not web1 volumes qubes
for name in a/b/c/d/e/f/g/h appvms/foo/private appvms/bar/large appvms/bar/root \
    appvms/from-revision/root; do
    virsh vol-delete "$name" qubes
done
[ "$FS" = ext4 ] || virsh vol-delete web2 qubes
expect_exactly "" volumes qubes
expect_exactly "" find "$pool" -mindepth 1 -type f -not -name .reflink-pool.xml
expect_exactly $'a\nappvms\nvm-templates\nvolumes' bash -c "ls '$pool'"
ok "a volume goes with its history, but not with what somebody named unless told to"

done_testing
