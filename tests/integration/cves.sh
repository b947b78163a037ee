#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# What once was wrong in the storage driver of libvirt is not wrong with reflink pools; docs/security.md
# has the list of it. What other tests have is not repeated here.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=512M later -- perl qemu-img timeout
perl -MSys::Virt -e 1 2>/dev/null || skip "needs Perl's module Sys::Virt"
umask 000 # the daemon's, too
lab_start_libvirtd

reflink_pool qubes "$pool" "<reflink:volume match='*/volatile' kind='volatile'/>"
stock_pool plain "$dir/plain"
echo "what nobody is to read" >"$dir/secret"

# answers: the daemon is the one that was started, and no pool is left locked.
answers()
{
    local name

    kill -0 "$daemon"
    for name in qubes plain; do
        timeout 10 virsh -q -c qemu:///system pool-info $name >/dev/null || die "pool $name is locked"
    done
}
daemon=$LIBVIRTD_PID

# --- formats: CVE-2010-2237, CVE-2010-2238, CVE-2010-2239, CVE-2013-1922

# A guest has written the header of another format to its raw disk, with a file of the host's as what
# lies below.
cp "$dir/secret" "$dir/padded"
truncate -s 1M "$dir/padded"
qemu-img create -q -f qcow2 -F raw -b "$dir/padded" "$LAB/header"
truncate -s 1M "$LAB/header"
virsh vol-create-as qubes vm/disk 1M
virsh vol-upload vm/disk "$LAB/header" --pool qubes
create_snapshot qubes vm/snapshot "$pool/vm/disk.img"
virsh vol-clone vm/disk vm/disk@label --pool qubes
virsh pool-refresh qubes
for name in vm/disk vm/disk@label vm/snapshot; do
    virsh vol-dumpxml "$name" qubes >"$LAB/xml"
    grep -q "<format type='raw'/>" "$LAB/xml"
    grep -q "<capacity unit='bytes'>1048576</capacity>" "$LAB/xml"
    ! grep -q -e qcow2 -e padded "$LAB/xml" || die "$(cat "$LAB/xml")"
done
ok "CVE-2010-2237, CVE-2010-2238: no format is probed, and no backing file followed"

[ "$(virsh vol-dumpxml vm/snapshot qubes | grep -c "<format type='raw'/>")" = 2 ]
start_volume vm/disk
virsh vol-dumpxml vm/disk qubes >"$LAB/xml"
[ "$(grep -c "<format type='raw'/>" "$LAB/xml")" = 2 ] || die "$(cat "$LAB/xml")"
stop_volume vm/disk
ok "CVE-2010-2239: a backing store has a format, always"

for format in raw qcow2; do
    volume_document copy.$format 0 "<target><format type='$format'/></target>" >"$LAB/copy.xml"
    virsh vol-create-from plain "$LAB/copy.xml" vm/disk --inputpool qubes
    qemu-img convert -f $format -O raw "$dir/plain/copy.$format" "$LAB/raw"
    cmp "$LAB/raw" "$LAB/header" || die "the copy in the format $format is not the image"
done
virsh vol-clone vm/disk vm/clone --pool qubes
cmp "$pool/vm/clone.img" "$LAB/header"
ok "CVE-2013-1922: nor does a copy to another pool or format believe what a guest wrote"

# --- CVE-2013-1962

descriptors()
{
    find "/proc/$LIBVIRTD_PID/fd" -mindepth 1 | wc -l
}

# list_often: over and over, as one who may only read does.
list_often()
{
    for _ in {1..50}; do
        echo "vol-list qubes --details"
        echo "pool-list --details"
        echo "vol-dumpxml vm/snapshot qubes"
    done | command virsh -q -r -c qemu:///system >"$LAB/lists"
}

list_often
eventually 10 has_drafts 0
before=$(descriptors)
for _ in 1 2 3; do
    list_often
    virsh pool-refresh qubes
done
no_more_descriptors()
{
    [ "$(descriptors)" -le $((before + 2)) ]
}
eventually 20 no_more_descriptors
echo "# descriptors of the daemon: $before, after 600 lists and looks $(descriptors)"
ok "CVE-2013-1962: lists leave no descriptor open"

# --- CVE-2014-5177

declaration="<!DOCTYPE x [<!ENTITY secret SYSTEM 'file://$dir/secret'>]>"

# tells_nothing COMMAND...: whatever becomes of it, it does not have what is in the file.
tells_nothing()
{
    timeout 20 "$@" >"$LAB/said" 2>&1 || true
    ! grep -q -a "what nobody" "$LAB/said" || die "$* tells it: $(cat "$LAB/said")"
    answers
}

# with_entity FILE: what it has for "ENTITY" becomes the entity, which is declared before it.
with_entity()
{
    sed -i "1s|^|$declaration|; s|ENTITY'|\&secret;'|; s|ENTITY<|\&secret;<|" "$1"
    grep -q '&secret;' "$1"
}

pool_document entity "$dir/entity" "<reflink:volume match='ENTITY' keep='1'/>" >"$LAB/pool.xml"
volume_document vm/ENTITY 4096 >"$LAB/volume.xml"
cp "$pool/.reflink-pool.xml" "$LAB/marker"
sed "s|</reflink:options>|<reflink:volume match='ENTITY' keep='1'/>&|" "$LAB/marker" >"$LAB/marker.new"
sed "s|vm/disk'|ENTITY'|" "$pool/vm/snapshot.volume.xml" >"$pool/vm/other.volume.xml"
echo "<domain type='qemu'><name>ENTITY</name><devices/></domain>" >"$LAB/domain.xml"
for file in "$LAB/pool.xml" "$LAB/volume.xml" "$LAB/marker.new" "$pool/vm/other.volume.xml" \
    "$LAB/domain.xml"; do
    with_entity "$file"
done
for command in "pool-define $LAB/pool.xml" "pool-dumpxml entity" "vol-create qubes $LAB/volume.xml" \
    "pool-refresh qubes" "vol-list qubes" "vol-dumpxml vm/other qubes"; do
    # shellcheck disable=SC2086
    tells_nothing virsh -q -c qemu:///system $command
done
tells_nothing "$STAGE_DIR/bin/virt-reflink" info "$pool" vm/other
grep -q "vm/other" "$LAB/said"
cat "$LAB/marker.new" >"$pool/.reflink-pool.xml"
tells_nothing virsh -q -c qemu:///system vol-create-as qubes vm/new 4096
grep -q "reflink-pool.xml" "$LAB/said" || die "$(cat "$LAB/said")"
cat "$LAB/marker" >"$pool/.reflink-pool.xml"
tells_nothing "$STAGE_DIR/sbin/libvirt-reflink-hook" x prepare begin - <"$LAB/domain.xml"
[ -s "$LAB/said" ] || die "the hook took a domain with a document type declaration"
rm "$pool/vm/other.volume.xml"
! grep -q -a "what nobody" "$LAB/libvirtd.log" || die "the log has it"
ok "CVE-2014-5177: no entity of a document is looked up"

# --- CVE-2014-8135

# Ranges that are none, of what can and what cannot be uploaded to; a stream that is closed at once.
perl -MSys::Virt -e '
    my $conn = Sys::Virt->new(uri => "qemu:///system");
    my $pool = $conn->get_storage_pool_by_name("qubes");
    my $failed = 0;
    $SIG{__DIE__} = sub { };
    for my $name (qw(vm/disk vm/disk@label vm/snapshot)) {
        my $vol = $pool->get_volume_by_name($name);
        for my $range ([0, 2 ** 62], [2 ** 62, 1], [2 ** 62, 2 ** 62], [1048577, 0], [0, 1048577]) {
            for my $way (qw(upload download)) {
                my $stream = $conn->new_stream();
                eval { $vol->$way($stream, @$range); 1 } or $failed++;
                eval { $stream->abort() };
            }
        }
        my $stream = $conn->new_stream();
        eval { $vol->upload($stream, 0, 0); $stream->finish(); 1 } or $failed++;
    }
    print "# $failed calls were refused\n";
    die "only $failed" unless $failed > 15;'
answers
eventually 10 has_drafts 0
ok "CVE-2014-8135: uploads that cannot begin do the daemon no harm"

# --- CVE-2021-3667, CVE-2023-3750

# Each of the module's functions, failing.
while read -r command; do
    # shellcheck disable=SC2086
    ! timeout 20 virsh -q -c qemu:///system $command >/dev/null 2>&1 || die "$command succeeded"
    answers
done <<END
vol-create-as qubes vm/disk 1M
vol-create-as qubes ../disk 1M
vol-create-as qubes vm/new 1M --format qcow2
vol-clone vm/snapshot vm/new --pool qubes
vol-clone vm/disk vm/nobody@label --pool qubes
vol-clone vm/disk vm/disk@7 --pool qubes
vol-upload vm/snapshot $LAB/header --pool qubes
vol-download vm/snapshot $LAB/downloaded --pool qubes
vol-resize vm/snapshot 1K --shrink --pool qubes
vol-resize vm/disk@label 2M --pool qubes
vol-delete vm/disk qubes
vol-wipe vm/disk qubes
pool-build qubes --overwrite
pool-delete qubes
END
ok "CVE-2021-3667: no call that fails leaves a pool locked"

cat >"$LAB/lookups" <<'END'
use Sys::Virt;
my ($root, $count) = @ARGV;
my $conn = Sys::Virt->new(uri => "qemu:///system", readonly => 1);
for (1 .. $count) {
    $conn->get_storage_pool_by_target_path($root);
    eval { $conn->get_storage_pool_by_target_path("$root/nothing") };
    $conn->get_storage_volume_by_path("$root/vm/disk-dirty.img");
    $conn->get_storage_volume_by_key("$root/vm/disk-dirty.img");
    eval { $conn->get_storage_volume_by_path("$root/vm/gone-dirty.img") };
}
END
lookups=()
for _ in 1 2 3 4; do
    timeout 120 perl "$LAB/lookups" "$pool" 150 &
    lookups+=($!)
done
for _ in 1 2 3 4 5; do
    virsh pool-refresh qubes
    virsh vol-create-as qubes vm/gone 1M
    virsh vol-delete vm/gone qubes
done
for one in "${lookups[@]}"; do
    wait "$one" || die "a lookup failed"
done
answers
echo "# 3000 lookups by path and key"
ok "CVE-2023-3750: lookups by path from many threads find what is there"

# --- CVE-2025-13193

virsh vol-create-as qubes vm/volatile 1M
for name in disk snapshot volatile; do
    (umask 000 && "$STAGE_DIR/bin/virt-reflink" start "$pool" vm/$name >/dev/null)
done
[ "$(find "$pool" -name '*-dirty.img' | wc -l)" = 3 ]
eventually 10 test -e "$pool/vm/clone-precache.img"
[ "$(grep -h Umask "/proc/$daemon/status" | tr -dc '0-9')" = 0000 ]
find "$pool" -type f ! -name .reflink-pool.xml -printf '%f %m\n' | sort >"$LAB/modes"
echo "# $(wc -l <"$LAB/modes") files"
! grep -v ' 600$' "$LAB/modes" || die "others can read that"
[ -z "$(find "$pool" -perm /022)" ] || die "others can write: $(find "$pool" -perm /022)"
ok "CVE-2025-13193: no image or record can be read by others, whatever the umask"

done_testing
