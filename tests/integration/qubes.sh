#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs ext4
# qubesd's storage driver (packaging/qubes), called as qubesd calls it: what each requirement asks for,
# a VM's life with a real domain, and random operations in turn with a model of Qubes OS's own driver.
# QUBES_OPERATIONS and QUBES_SEED: how many of these, and which (always the same ones without either);
# QUBES_TESTS: the names of tests.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds other=xfs -- \
    qemu-system-x86_64
/usr/bin/python3 -c "import libvirt" 2>/dev/null || skip "needs Python's module libvirt"

# The hook wants to be called by a daemon: a shell of that name plays it.
cp "$(command -v bash)" "$LAB/virtxend"
# shellcheck disable=SC2154
export DIR=$dir OTHER=$other LAB STAGE_DIR FS SOURCE_DIR BUILD_DIR
export PYTHONPATH=$SOURCE_DIR/packaging/qubes:$SOURCE_DIR/tests/qubes/stand_in:$SOURCE_DIR/tests/qubes
export PYTHONDONTWRITEBYTECODE=1

run()
{
    /usr/bin/python3 -m unittest -v "$@" 2>&1 || die "qubesd's driver: $*"
}

cd "$SOURCE_DIR/tests/qubes"
if [ -n "${QUBES_TESTS:-}" ]; then
    # shellcheck disable=SC2086
    run $QUBES_TESTS
    ok "$QUBES_TESTS"
    done_testing
    exit
fi
run test_requirements test_driver
ok "what qubesd asks for holds"
run test_life
ok "a VM's life with a real domain"
run test_killed
ok "qubesd is killed"
run test_differential
ok "in turn with a model of Qubes OS's own driver"

done_testing
