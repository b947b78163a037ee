#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Processes race on a few volumes, and each of their operations has to fit into one order.
#
# RACE_OPERATIONS is how many operations they do in all: on both file systems together a hundred
# thousand. RACE_SEED, which is printed, begins the same sequence of chances again; RACE_SHOW says how
# many steps to print before the one that is wrong.
set -eu
# The file system lies in memory: that is where races are quickest.
export TMPDIR=${RACE_DIR:-/dev/shm}
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
requires_filesystem "$FS"
lab_enter "$0" "$@"
dir=$(lab_filesystem "$FS" 600M)
# Locks of our own, and no log: it would be a million lines.
mount -t tmpfs -o mode=755 libvirt-reflink /run

declare -A operations=([xfs]=60000 [btrfs]=40000)
export RACE_OPERATIONS=${RACE_OPERATIONS:-${operations[$FS]}}

"$BUILD_DIR/tests/race/race-operations" "$dir"
ok "there is an order of all operations that explains what came of them"
done_testing
