#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SUITE=trixie tests/packages/unit.sh: the product and its unit tests are built in a fresh system of that suite, with
# our declarations of libvirt's structures, and all unit tests run there. TARGETS: no more than these is built.
# EVERY_CALL is for unit/every-call.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/packages/roots.sh"
SUITE=${SUITE:-trixie}

if [ -z "${LAB_ENTERED:-}" ]; then
    requires_root
    need_roots "$SUITE" build
fi
lab_enter "$0"

in_builder()
{
    nice chroot "$LAB/builder" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# logged COMMAND...: what it prints is shown if it fails.
logged()
{
    "$@" >"$LAB/log" 2>&1 || {
        tail -n 60 "$LAB/log" >&2
        die "'$*' fails on $SUITE"
    }
}

# The tests want a root directory that is a mount, and the launcher's one that is the top of its file system.
mkdir "$LAB/builder"
mount -t tmpfs -o mode=755,size=6G libvirt-reflink "$LAB/builder"
open_root "$SUITE" build builder
# A system that was never booted has none (machine-id(5)).
tr -d - </proc/sys/kernel/random/uuid >"$LAB/builder/etc/machine-id"
mkdir "$LAB/builder/source"
source_files | tar -C "$LAB/builder/source" -x
logged in_builder cmake -G Ninja -S /source -B /build -DWERROR=ON -DLIBVIRT_HEADERS=declared
# shellcheck disable=SC2086
logged in_builder cmake --build /build ${TARGETS:+--target $TARGETS}
ok "$SUITE: product and tests are built, without a warning"

in_builder env EVERY_CALL="${EVERY_CALL:-1}" ctest --test-dir /build --label-regex '^unit$' --parallel 2 --no-tests=error >"$LAB/log" 2>&1 || {
    # What they say stands together then.
    in_builder ctest --test-dir /build --rerun-failed --output-on-failure >&2 || true
    die "unit tests fail on $SUITE: $(sed '1,/FAILED:/d' "$LAB/log")"
}
! grep -q 'Not Run\|Skipped' "$LAB/log" || die "tests were skipped on $SUITE: $(grep 'Not Run\|Skipped' "$LAB/log")"
ok "$SUITE: $(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$LAB/log") unit tests pass"
done_testing
