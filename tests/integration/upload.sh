#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# vol-upload: what arrives is the new content, and what was there becomes a revision. What makes it
# fail: upload-failure.sh.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states -- perl

reflink_pool qubes "$dir/qubes" "<reflink:revisions keep='2'/>$fallback"
old=$LAB/old new=$LAB/new expected=$LAB/expected

upload()
{
    virsh vol-upload "$1" "$2" --pool qubes "${@:3}"
}

# is_revision TEXT: what vol-list has of web's revisions, as soon as the daemon's refresh is through.
is_listed()
{
    [ "$(volumes qubes | grep '^web@' | xargs)" = "$1" ]
}

# --- whole

random_file "$old" 3M
random_file "$new" 3M
virsh vol-create-as qubes web 3M
upload web "$old"
holds web "$old"
holds web@1 /dev/null 0
[ "$(stat -c %s "$(virsh vol-path web@1 qubes)")" = 3145728 ]
inode=$(stat -c %i "$(image web)")
access=$(stat -c '%a %u %g' "$(image web)")
upload web "$new"
holds web "$new"
holds web@2 "$old"
[ "$(stat -c %i "$(image web)")" != "$inode" ]
[ "$(stat -c %i "$(virsh vol-path web@2 qubes)")" = "$inode" ]
[ "$(stat -c '%a %u %g' "$(image web)")" = "$access" ]
eventually 5 is_listed "web@1 web@2"
ok "a file becomes the volume's content, and the old one a revision that is listed"

upload web "$old"
holds web "$old"
eventually 5 is_listed "web@2 web@3"
expect "no storage vol" bash -c "virsh -q -c qemu:///system vol-info web@1 qubes 2>&1 || true"
[ "$(find "$pool/volumes" -name 'web.img.*' | wc -l)" = 2 ]
ok "as many revisions are kept as the pool says"

virsh vol-clone web@3 web@current --pool qubes
holds web "$new"
virsh vol-clone web@4 web@current --pool qubes
holds web "$old"
nothing_left web
cp "$old" "$expected"
ok "an upload is undone by a revert"

# --- ranges

upload web "$old"
head -c 100000 "$new" >"$LAB/piece"
upload web "$LAB/piece" --offset 1234567
dd if="$LAB/piece" of="$expected" bs=1234567 seek=1 conv=notrunc status=none
holds web "$expected"
upload web "$LAB/piece" --offset 5 --length 200000
dd if="$LAB/piece" of="$expected" bs=5 seek=1 conv=notrunc status=none
holds web "$expected"
upload web "$LAB/piece" --offset $((3145728 - 100000))
head -c $((3145728 - 100000)) "$expected" >"$LAB/end"
cat "$LAB/piece" >>"$LAB/end"
holds web "$LAB/end"
upload web "$LAB/piece" --length 100000
cat "$LAB/piece" <(tail -c +100001 "$LAB/end") >"$expected"
holds web "$expected"
: >"$LAB/empty"
upload web "$LAB/empty"
upload web "$LAB/empty" --offset 3145728
holds web "$expected"
ok "--offset and --length say where it goes, and the rest stays as it is"

# --- holes

# punch FILE FROM TO: in MiB.
punch()
{
    fallocate --punch-hole --offset "$2M" --length "$(($3 - $2))M" "$1"
}

# data_bytes FILE: how many are not in holes. Its blocks say more while XFS has some in store for a file that was
# cloned, and a page of a hole that was read before counts as data in these: the page cache is let go first.
data_bytes()
{
    dd if="$1" iflag=nocache count=0 status=none
    perl -e 'open(my $file, "<", $ARGV[0]) or die "$!";
        my ($at, $all) = (0, 0);
        while (defined(my $data = sysseek($file, $at, 3))) { # SEEK_DATA
            $at = sysseek($file, $data, 4);                  # SEEK_HOLE
            $all += $at - $data;
        }
        print $all' "$1"
}

random_file "$old" 8M
virsh vol-create-as qubes sparse 8M
for holes in "0 1" "3 5" "7 8" "0 8" "0 1 3 4 6 8" "1 2 4 7"; do
    upload sparse "$old"
    cp "$old" "$new"
    # shellcheck disable=SC2086
    for hole in $(printf '%s-%s ' $holes); do
        punch "$new" "${hole%-*}" "${hole#*-}"
    done
    upload sparse "$new" --sparse
    holds sparse "$new"
    expect_exactly "$(data_bytes "$new")" data_bytes "$(image sparse)"
done
ok "with --sparse holes become holes, wherever they are, over what was there"

upload sparse "$old"
truncate -s 0 "$LAB/hole"
truncate -s 1M "$LAB/hole"
upload sparse "$LAB/hole" --sparse --offset 2097152
cp "$old" "$expected"
punch "$expected" 2 3
holds sparse "$expected"
upload sparse "$LAB/hole" --sparse --offset 4194304 --length 1048576
punch "$expected" 4 5
holds sparse "$expected"
truncate -s 8M "$LAB/hole"
upload sparse "$LAB/hole"
holds sparse "$LAB/hole"
nothing_left sparse
ok "a sparse range leaves the rest, and without --sparse zeros are data like any other"

# --- other kinds, and who asks

virsh pool-destroy qubes
virsh pool-undefine qubes
define_pool qubes "$pool" "<reflink:volume match='d*/*' kind='direct'/>$fallback"
virsh pool-start qubes
virsh vol-create-as qubes db/main 8M
upload db/main "$old"
holds db/main "$old"
holds db/main@1 /dev/null 0
virsh vol-create-as qubes appvms/work/private 8M
upload appvms/work/private "$old"
holds appvms/work/private "$old"
start_volume appvms/work/private
cmp "$(image appvms/work/private -dirty.img)" "$old"
stop_volume appvms/work/private
ok "the next start has what was uploaded, also in a direct volume"

chmod 640 "$(image web)"
chown 7:8 "$(image web)"
upload web "$LAB/piece"
[ "$(stat -c '%a %u %g' "$(image web)")" = "640 7 8" ]
expect "<mode>0640</mode>" virsh vol-dumpxml web qubes
ok "mode and owner stay the volume's"

lab_restart_libvirtd
holds sparse "$LAB/hole"
holds db/main "$old"
done_testing
