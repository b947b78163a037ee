#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The power goes while a pool is worked on: what the disk may hold then is a pool that is complete,
# and nothing is lost that was said to be done.
#
# A story of more than a hundred steps is told twice on a disk whose writes and flushes are recorded: with
# a kernel that writes out what it is told to, and with one that does so whenever it likes. For
# POWERCUT_STATES states that the disk may have after a power cut, a thousand if that is not set,
# the file system is mounted and looked at. POWERCUT_SEED chooses the same ones again from the same
# recordings, which stay in $BUILD_DIR/powercut. What to call for a single one is said where it fails.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
requires_root
requires_filesystem "$FS"
grep -q -w fuse /proc/filesystems || modprobe -q fuse || skip "the kernel has no FUSE"
[ -e /dev/fuse ] || skip "there is no /dev/fuse"

powercut=$BUILD_DIR/tests/powercut/powercut
wanted=${POWERCUT_STATES:-1000}
seed=${POWERCUT_SEED:-$RANDOM}
states=0 losses=0

# replay ONE_IN: tells the story, and looks at half of the states.
replay()
{
    local recording=$BUILD_DIR/powercut/$FS.$1 said

    mkdir -p "$BUILD_DIR/powercut"
    "$powercut" record "$FS" "$recording" "$seed" "$1"
    "$powercut" replay "$FS" "$recording" "$seed" $(((wanted + 1) / 2)) >"$recording.said" || true
    cat "$recording.said"
    said=$(tail -n 1 "$recording.said")
    [[ $said =~ ^([0-9]+)" states replayed on $FS, "([0-9]+)" losses"$ ]] || {
        echo "the replay has not come to its end"
        exit 1
    }
    states=$((states + BASH_REMATCH[1]))
    losses=$((losses + BASH_REMATCH[2]))
}

echo "seed $seed"
replay 0
replay 3
echo "$states states replayed on $FS, $losses losses"
[ "$losses" = 0 ]
[ "$states" -ge "$wanted" ] || [ "$states" -ge 1000 ]
