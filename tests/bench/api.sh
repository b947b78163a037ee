#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# sudo FS=xfs tests/bench/api.sh [--quick] [--full] [--check] [--json FILE] [SECTION...]: what calls of libvirt's API cost
# for a reflink pool, beside the same calls for a stock "dir" pool in the same daemon, or beside the bare system
# calls. docs/performance.md says what the rows are. No test: it only prints.
set -eu
# The laboratory begins this script once more, without them.
[ $# = 0 ] || export BENCH_ARGUMENTS="$*"
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool size=8G -- python3
/usr/bin/python3 -c "import libvirt" 2>/dev/null || skip "needs Python's module libvirt"
reflink_pool ours "$dir/ours"
stock_pool stock "$dir/stock"
# shellcheck disable=SC2154
export DIR=$dir STAGE_DIR FS LIBVIRTD_PID PYTHONDONTWRITEBYTECODE=1
# shellcheck disable=SC2086
/usr/bin/python3 "$SOURCE_DIR/tests/bench/api.py" ${BENCH_ARGUMENTS:-}
done_testing >/dev/null
