#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# A hundred thousand files in a volume's directory: everything still works, and takes no more than in
# proportion.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states many size=2G -- strace perl

reflink_pool qubes "$pool"
virsh vol-create-as qubes vm/disk 64K

# life: what a volume is used for; sets $start, $stop, $daemon.
life()
{
    local before

    before=$(daemon_time)
    virsh pool-refresh qubes
    virsh vol-create-as qubes vm/new 64K
    virsh vol-clone vm/disk vm/clone --pool qubes
    virsh vol-clone vm/disk vm/disk@label --pool qubes
    virsh vol-dumpxml vm/disk qubes >"$LAB/xml"
    eventually 60 test -e "$pool/vm/clone-precache.img"
    start=$(system_calls "$STAGE_DIR/bin/virt-reflink" start "$pool" vm/clone)
    echo written | dd of="$pool/vm/clone-dirty.img" conv=notrunc status=none
    stop=$(system_calls "$STAGE_DIR/bin/virt-reflink" stop "$pool" vm/clone)
    [ "$(head -n 1 "$pool/vm/clone.img" | tr -d '\0')" = written ]
    virsh vol-delete vm/disk@label qubes
    virsh vol-delete vm/clone qubes
    virsh vol-delete vm/new qubes
    daemon=$(($(daemon_time) - before))
}

files 0 10000 "$pool/vm/junk%d.img.old"
life
few="$start $stop $daemon"
files 10000 100000 "$pool/vm/junk%d.img.old"
life
read -r few_start few_stop few_daemon <<<"$few"
not_worse "system calls of a start" "$few_start" "$start"
not_worse "system calls of a stop" "$few_stop" "$stop"
not_worse "hundredths of the daemon for a volume's life" "$few_daemon" "$daemon" 5
expect_exactly vm/disk volumes qubes
[ "$(find "$pool/vm" -name 'junk*' | wc -l)" = 100000 ]
ok "a hundred thousand files of others"

# Names that have the same hash in a table like GLib's: "ab" and "bA" weigh the same in it. A refresh of
# them costs what one of as many ordinary names does.
named()
{
    perl -e 'my ($one, $other, $path) = @ARGV;
        for my $i (0 .. 15999) {
            my $name = join("", map { $i >> $_ & 1 ? $one : $other } 0 .. 15);
            open(my $file, ">", "$path/$name.img") or die "$!" }' "$@"
}

# refresh_cost POOL: in hundredths of the daemon's time.
refresh_cost()
{
    local before

    before=$(daemon_time)
    virsh pool-refresh "$1"
    echo $(($(daemon_time) - before))
}

for kind in plain same; do
    reflink_pool $kind "$dir/$kind"
    mkdir "$dir/$kind/vm"
done
named ab cd "$dir/plain/vm"
named ab bA "$dir/same/vm"
plain=$(refresh_cost plain)
same=$(refresh_cost same)
echo "# a refresh of 16000 volumes: $plain hundredths, with colliding names $same"
[ "$plain" -ge 20 ] || plain=20
[ "$same" -le $((3 * plain)) ] || die "colliding names take $same and not $plain"
[ "$(volumes same | wc -l)" = 16000 ]
ok "names that collide in a hash table"

done_testing
