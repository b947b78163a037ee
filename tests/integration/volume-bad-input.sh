#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Volumes that cannot be: each is refused with a message that names the thing and the rule, and
# nothing has changed on disk or in the list.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool

reflink_pool qubes "$pool" "<reflink:volume match='*/volatile' kind='volatile'/>"
reflink_pool other "$dir/other"
mkdir "$dir/plain"
truncate -s 1M "$dir/plain/disk"
stock_pool plain "$dir/plain"
virsh vol-create-as qubes web1 1M
virsh vol-create-as qubes a/b 1M
virsh vol-clone web1 web1@named --pool qubes
virsh vol-create-as qubes tmp/volatile 1M
create_snapshot qubes snapshot "$pool/a/b.img"
virsh vol-create-as other web 1M
all=$(volumes qubes)

# bad REGEX COMMAND...: refused, and the list is what it was.
bad()
{
    refused "$1" "$dir" "${@:2}"
    [ "$(volumes qubes)" = "$all" ] || die "the list has changed: $(volumes qubes)"
}

# --- names

# bad_name SHOWN RULE NAME: neither created nor cloned to. SHOWN is how the message quotes it.
bad_name()
{
    bad "invalid & '$1 & $2" virsh vol-create-as qubes "$3" 1M
    bad "invalid & '$1 & $2" virsh vol-clone web1 "$3" --pool qubes
    bad "invalid & '$1 & $2" virsh vol-create-as qubes "$3" 1M --backing-vol web1
}

bad_name "\.\./up'" "'\.'" ../up
bad_name "a/\.\./\.\./up'" "'\.'" a/../../up
bad_name "\.'" "'\.'" .
bad_name "\.\.'" "'\.'" ..
bad_name "a/\.hidden'" "'\.'" a/.hidden
bad_name "/etc/passwd'" "'/'" /etc/passwd
bad_name "$pool/a'" "'/'" "$pool/a"
bad_name "a//c'" "empty" a//c
bad_name "a/'" "empty" a/
ok "names that would lead somewhere else are refused"

bad_name "web~1'" "'~'" "web~1"
bad_name "web\.img'" "'\.img'" web.img.img
bad_name "web\.img\.3'" "'\.img'" web.img.3
bad_name "a\.img/web'" "'\.img'" a.img/web
bad_name "web-dirty'" "'-dirty'" web-dirty
bad_name "a/web-precache'" "'-precache'" a/web-precache
bad_name "web-import'" "'-import'" web-import
bad_name "web\.volume\.xml'" "'\.volume\.xml'" web.volume.xml
bad_name "volumes/web'" "'web'" volumes/web
ok "so are those that name our files"

# A new volume gets no path that is something else's.
: >"$pool/foreign"
: >"$pool/image.img"
: >"$pool/web1.monday" # as libvirt names an overlay
for name in foreign foreign.img image image.img web1.monday a volumes; do
    file=${name%.img}
    [ "$file" != image ] || file=image.img
    bad "'${name%.img}' & taken & '$pool/$file'" virsh vol-create-as qubes $name 1M
    bad "'${name%.img}' & taken & '$pool/$file'" virsh vol-clone web1 $name --pool qubes
done
bad "'web1/data' & '$pool/web1' & path of volume 'web1'" virsh vol-create-as qubes web1/data 1M
bad "web1 & exist" virsh vol-create-as qubes web1 1M
bad "web1 & exist" virsh vol-create-as qubes web1.img 1M
bad "web1 & exist" virsh vol-clone a/b web1.img --pool qubes
bad "a/b & exist" virsh vol-create-as qubes a/b.img 1M
rm "$pool/foreign" "$pool/image.img" "$pool/web1.monday"
ok "nor is a name free whose path is taken, and NAME.img is NAME"

bad_name 'line\\nbreak' "control" $'line\nbreak'
bad_name 'a/tab\\tulator' "control" $'a/tab\tulator'
bad_name 'delete\\177' "control" $'delete\x7f'
bad "UTF-8|character encoding" virsh vol-create-as qubes $'web\xff' 1M
bad_name "xxxxxxxx" "[0-9]+ bytes" "$(printf 'x%.0s' {1..300})"
bad_name "xxxxxxxx" "[0-9]+ bytes" "$(printf 'x%.0s' {1..4096})"
bad_name "a/xxxxx" "[0-9]+ bytes" "a/$(printf 'x%.0s' {1..210})"
bad_name "a/b/c/d/e/f/g/h/i'" "8" a/b/c/d/e/f/g/h/i
bad_name "x/x/x/" "8" "$(printf 'x/%.0s' {1..2048})x"
ok "so are those with control characters, and those that are too long"

bad_name "web1@'" "letter" web1@
bad_name "web1@-x'" "letter" web1@-x
bad_name "web1@a/b'" "letters" web1@a/b
bad_name "web1@a@b'" "letters" web1@a@b
bad_name "web1@007'" "leading zero" web1@007
bad_name "web1@18446744073709551616'" "2\^64" web1@18446744073709551616
bad_name "web1@xxxx" "too long" "web1@$(printf 'x%.0s' {1..250})"
bad "'web1@7' & number" virsh vol-clone web1 web1@7 --pool qubes
bad "'web1@new'" virsh vol-create-as qubes web1@new 1M
bad "'web1@current'" virsh vol-create-as qubes web1@current 1M
bad "'nobody'" virsh vol-clone web1 nobody@label --pool qubes
bad "'nobody'" virsh vol-clone web1 nobody@current --pool qubes
bad "'web1@named' & already in use" virsh vol-clone web1 web1@named --pool qubes
bad "'tmp/volatile' & volatile" virsh vol-clone web1 tmp/volatile@current --pool qubes
bad "'snapshot' & snapshot" virsh vol-clone web1 snapshot@current --pool qubes
ok "so are revisions that cannot be made"

# --- volumes that are there

bad "'web1' & exists" virsh vol-create-as qubes web1 2M
bad "'web1' & exists|already in use" virsh vol-clone a/b web1 --pool qubes
truncate -s 4096 "$pool/a/late.img"
bad "'a/late' & exists" virsh vol-create-as qubes a/late 1M
bad "'a/late' & exists" virsh vol-clone web1 a/late --pool qubes
rm "$pool/a/late.img"
mkfifo "$pool/a/late.img"
bad "a/late.*(regular file|not a file)" virsh vol-create-as qubes a/late 1M
rm "$pool/a/late.img"
mkdir "$pool/a/late-dirty.img"
bad "a/late.*(regular file|not a file)" virsh vol-create-as qubes a/late 1M
rmdir "$pool/a/late-dirty.img"
ln -s /etc "$pool/a/etc"
bad "a/etc/shadow.*" virsh vol-create-as qubes a/etc/shadow 1M
[ ! -e /etc/shadow.img ]
rm "$pool/a/etc"
: >"$pool/a/file"
bad "a/file/web.*Not a directory" virsh vol-create-as qubes a/file/web 1M
rm "$pool/a/file"
ok "what is there already is left alone, also if libvirt does not know of it"

# --- capacities

# bad_capacity REGEX CAPACITY
bad_capacity()
{
    volume_document new "$2" >"$LAB/volume.xml"
    bad "$1" virsh vol-create qubes "$LAB/volume.xml"
}

for capacity in -1 many 18446744073709551616 ""; do
    bad_capacity "capacity" "$capacity"
done
echo "<volume><name>new</name></volume>" >"$LAB/volume.xml"
bad "capacity" virsh vol-create qubes "$LAB/volume.xml"
bad_capacity "9223372036854775808" 9223372036854775808
bad "Malformed size -1" virsh vol-create-as qubes new -1
bad "web1|size|overflow|too large" virsh vol-resize web1 9223372036854775808 --pool qubes
bad "shrink" virsh vol-resize web1 1023K --pool qubes
bad "Malformed|negative|shrink" virsh vol-resize web1 -1 --pool qubes
bad "snapshot' & 'a/b' & smaller" virsh vol-resize snapshot 1K --shrink --pool qubes
ok "so is a capacity that is negative, absent, too large or too small"

# --- what a reflink pool does not have

for format in qcow2 qed vmdk; do
    bad "'new' & '$format'" \
        virsh vol-create-as qubes new 1M --format "$format"
done
volume_document new 1048576 "<target><format type='raw'/><encryption format='luks'>
    <secret type='passphrase' uuid='11111111-2222-3333-4444-555555555555'/></encryption></target>" \
    >"$LAB/volume.xml"
bad "'new' & encrypt" virsh vol-create qubes "$LAB/volume.xml"
bad "'new' & metadata" virsh vol-create-as qubes new 1M --prealloc-metadata
volume_document new 1048576 "<target><format type='qcow2'/></target>" >"$LAB/volume.xml"
bad "'qcow2'" virsh vol-create-from qubes "$LAB/volume.xml" web1 --inputpool qubes
ok "other formats and encryption are refused"

# bad_backing REGEX PATH [FORMAT]
bad_backing()
{
    volume_document new 0 "<backingStore><path>$2</path>${3:-}</backingStore>" >"$LAB/volume.xml"
    bad "'new' & $1" virsh vol-create qubes "$LAB/volume.xml"
}

bad_backing "'$dir/plain/disk' & path" "$dir/plain/disk"
bad_backing "'$dir/other/volumes/web.img' & path" \
    "$dir/other/volumes/web.img"
bad_backing "'web1' & path" web1
bad_backing "'/etc/passwd' & path" /etc/passwd
bad_backing "'$pool/a/../../plain/disk' & path" "$pool/a/../../plain/disk"
bad_backing "no volume & 'missing'" "$pool/volumes/missing-dirty.img"
bad_backing "no volume & 'x/missing'" "$pool/x/missing.img"
bad_backing "'tmp/volatile' & volatile" "$pool/tmp/volatile-dirty.img"
bad_backing "'snapshot' & snapshot" "$pool/volumes/snapshot-dirty.img"
bad_backing "path" "$pool/volumes/web1.img@named"
bad_backing "'raw'" "$pool/volumes/web1.img" \
    "<format type='qcow2'/>"
volume_document new 4096 "<backingStore><path>$pool/a/b.img</path></backingStore>" \
    >"$LAB/volume.xml"
bad "'new' & 4096 & 'a/b' & 1048576" \
    virsh vol-create qubes "$LAB/volume.xml"
ok "so is a backing store outside of the pool, or missing, or of the wrong kind"

# --- what cannot be cloned from, or deleted

bad "no storage vol|not found" virsh vol-clone nobody new --pool qubes
bad "'tmp/volatile' & volatile" virsh vol-clone tmp/volatile new --pool qubes
bad "'snapshot' & 'a/b'" virsh vol-clone snapshot new --pool qubes
bad "no storage vol|not found" virsh vol-delete web1@nobody qubes
bad "named & web1@named" virsh vol-delete web1 qubes
ok "so is to clone or delete what is not there"

done_testing
