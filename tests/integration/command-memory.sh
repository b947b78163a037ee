#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# What virt-reflink takes of memory does not grow with an image: 64 MiB are enough for one of 100,000 extents.
set -eu
# So many blocks keep a disk busy: in memory where there is room.
[ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -lt 4000000 ] || export TMPDIR=/dev/shm
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool size=3G -- python3

MIB_MAX=64
! has_sanitizers || MIB_MAX=4096 # which keep what was freed
reflink_pool near "$dir/near"
reflink_pool far "$dir/far"
lab_stop_libvirtd # from here on there is no daemon

# sparingly COMMAND...: virt-reflink COMMAND..., with no more memory than that at any time.
sparingly()
{
    python3 -c "import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
print('# %s: %d MiB' % (sys.argv[3], peak), file=sys.stderr)
sys.exit(status or peak > int(sys.argv[1]))" "$MIB_MAX" "$STAGE_DIR/bin/virt-reflink" "$@" ||
        die "'$*' failed, or had more than $MIB_MAX MiB"
}

# write_blocks FILE FIRST STEP COUNT BYTE: so many blocks of 4 KiB.
write_blocks()
{
    python3 -c "import os, sys
first, step, count, byte = map(int, sys.argv[2:])
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(file, 200000 * 4096)
for i in range(count):
    os.pwrite(file, bytes([byte]) * 4096, (first + i * step) * 4096)
os.fsync(file)" "$@"
}

mkdir "$dir/near/many"
write_blocks "$dir/near/many/db.img" 0 2 100000 1
tool snapshot near many/db first
tool start near many/db >/dev/null
write_blocks "$dir/near/many/db-dirty.img" 50 200 1000 2
tool stop near many/db >/dev/null
sparingly usage --json near many/db >"$LAB/usage"
[ "$(python3 -c "import json
print(min(one['extents'] for one in json.load(open('$LAB/usage'))['images']))")" -ge 100000 ] || die "there are too few extents"
sparingly revisions --changes near many/db
sparingly diff near many/db@first many/db >"$LAB/changed"
expect_exactly 1000 awk 'NR > 1 && $2 == 4096 { ranges++ } END { print ranges }' "$LAB/changed"
sparingly diff --exact --json near many/db@first many/db >"$LAB/changed"
sparingly send near many/db@first >"$LAB/full"
sparingly receive far many/db <"$LAB/full"
rm "$LAB/full"
sparingly send --from many/db@first near many/db >"$LAB/changes"
sparingly receive far many/db <"$LAB/changes"
cmp "$dir/near/many/db.img" "$dir/far/many/db.img"
sparingly revisions --changes --json far many/db >/dev/null
ok "no command takes more than $MIB_MAX MiB for it"
done_testing
