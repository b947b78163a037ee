#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# sudo FS=xfs tests/qubes/bench.sh [VOLUMES [EXTENTS [TOGETHER]]]: what it takes to start and stop VOLUMES (20) volumes
# of EXTENTS (10000) extents at once, by qubesd's driver with libvirt's hook, TOGETHER (1) of them in each domain, and
# by a model of Qubes OS's own driver (peer.py). No test: it only prints.
set -eu
# The laboratory begins this script once more, without them.
[ $# = 0 ] || export BENCH_ARGUMENTS="$*"
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest size=8G
cp "$(command -v bash)" "$LAB/virtxend"
# shellcheck disable=SC2154
export DIR=$dir OTHER=$dir LAB STAGE_DIR FS SOURCE_DIR BUILD_DIR PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=$SOURCE_DIR/packaging/qubes:$SOURCE_DIR/tests/qubes/stand_in:$SOURCE_DIR/tests/qubes
# shellcheck disable=SC2086
/usr/bin/python3 "$SOURCE_DIR/tests/qubes/bench.py" ${BENCH_ARGUMENTS:-}
done_testing >/dev/null
