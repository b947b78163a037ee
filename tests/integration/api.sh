#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# libvirt's storage API from C, for what virsh cannot do: flags, lists, streams without an end.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
. "$SOURCE_DIR/tests/lib/states.sh"
requires_filesystem "$FS"
program=$BUILD_DIR/tests/api
[ -x "$program" ] || skip "needs $program"
lab_enter "$0" "$@"
dir=$(lab_filesystem "$FS" 512M)
lab_start_libvirtd

reflink_pool qubes "$dir/qubes"
pool=$dir/qubes
head -c 1M /dev/zero | tr '\0' a >"$LAB/data"
virsh vol-create-as qubes web 1M
virsh vol-upload web "$LAB/data" --pool qubes
virsh vol-clone web web@named --pool qubes
virsh vol-create-as qubes spare 1M
nothing_left web spare

"$program"
nothing_left web spare
ok "the API does as it says"

eventually 10 virsh vol-info web@named qubes
kill -0 "$LIBVIRTD_PID"
done_testing
