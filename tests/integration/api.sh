#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# libvirt's storage API from C, for what virsh cannot do: flags, lists, streams without an end.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states size=512M -- pkg-config
program=$BUILD_DIR/tests/api
[ -x "$program" ] || skip "needs $program"

reflink_pool qubes "$dir/qubes"
head -c 1M /dev/zero | tr '\0' a >"$LAB/data"
virsh vol-create-as qubes web 1M
virsh vol-upload web "$LAB/data" --pool qubes
virsh vol-clone web web@named --pool qubes
virsh vol-create-as qubes spare 1M
nothing_left web spare

"$program"
nothing_left web spare
ok "the API does as it says"

pool_document other "$dir/other" >"$LAB/other.xml"
fails_with "validate" virsh pool-define "$LAB/other.xml" --validate
fails_with "neither formatted nor overwritten" virsh pool-create "$LAB/other.xml" --build --no-overwrite
[ ! -e "$dir/other" ]
ok "libvirt's schema and flags for formatting are no use here"

# The table has all of the API, and its tests are there.
header=$(pkg-config --variable=includedir libvirt)/libvirt/libvirt-storage.h
table=$SOURCE_DIR/docs/api.md
grep -E -o '\b(virStorage|virConnect)[A-Za-z]+ +\(|\b(virStorage|virConnect)[A-Za-z]+\(' "$header" |
    tr -d ' (' | grep -v Callback | sort -u >"$LAB/functions"
[ "$(wc -l <"$LAB/functions")" -gt 50 ]
while read -r function; do
    grep -q "\`$function\`" "$table" || die "$table does not have $function"
done <"$LAB/functions"
for name in $(sed -n 's/^|.*| \([a-z, -]*\) |$/\1/p' "$table" | tr ',' '\n' | sort -u); do
    [ "$name" = test ] || [ "$name" = --- ] || [ -e "$SOURCE_DIR/tests/integration/$name.sh" ] ||
        die "$table names a test '$name'"
done
ok "docs/api.md has every function of libvirt-storage.h"

done_testing
