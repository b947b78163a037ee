#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# sudo FS=xfs tests/bench/domains.sh [ROUNDS]: what the hook adds to the start and the end of a paused domain through libvirt's
# API. In each of 16 rounds four domains are started, and then ended. Their disks are, by turns, plain files without any
# hook, plain files with it, and volumes. No test: it only prints.
set -eu
[ $# = 0 ] || export BENCH_ROUNDS=$1
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest size=2G -- qemu-system-x86_64 python3
/usr/bin/python3 -c "import libvirt" 2>/dev/null || skip "needs Python's module libvirt"
count=4 rounds=${BENCH_ROUNDS:-16}
hook=/etc/libvirt/hooks/qemu.d/50-reflink

guest_pool "$pool"
mkdir "$dir/files" "$pool/vm"
for ((i = 0; i < count; i++)); do
    cp "$BOOT_IMAGE" "$dir/files/$i.img"
    cp "$BOOT_IMAGE" "$pool/vm/$i.img"
    for kind in file volume; do
        [ $kind = file ] && image=$dir/files/$i.img || image=$pool/vm/$i-dirty.img
        lab_domain "$kind$i" "$image" >"$LAB/domain.xml"
        virsh define "$LAB/domain.xml" >/dev/null
    done
done
virsh pool-refresh qubes
cat >"$LAB/turn.py" <<'END'
import sys, time, libvirt
kind, count = sys.argv[1], int(sys.argv[2])
connection = libvirt.open("qemu:///system")
domains = [connection.lookupByName("%s%d" % (kind, number)) for number in range(count)]
begun = time.monotonic()
for domain in domains:
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
started = time.monotonic()
for domain in domains:
    domain.destroy()
ended = time.monotonic()
print("%.1f %.1f" % (1000 * (started - begun) / count, 1000 * (ended - started) / count))
END

# turn NAME KIND: notes the milliseconds of a start and of an end.
turn()
{
    sync
    /usr/bin/python3 "$LAB/turn.py" "$2" "$count" >>"$LAB/$1"
}

# median NAME COLUMN
median()
{
    cut -d ' ' -f "$2" "$LAB/$1" | sort -g | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'
}

for ((round = 0; round < rounds; round++)); do
    mv "$hook" "$LAB/hook"
    lab_restart_libvirtd
    turn "files, no hook" file
    mv "$LAB/hook" "$hook"
    lab_restart_libvirtd
    turn "files, hook" file
    turn "volumes, hook" volume
done
for name in "files, no hook" "files, hook" "volumes, hook"; do
    echo "$FS: $name: a start $(median "$name" 1) ms, an end $(median "$name" 2) ms"
done
done_testing >/dev/null
