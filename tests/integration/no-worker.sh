#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# A hook that can begin no worker, since the service that it runs in has no room for more tasks: what is
# left undone is in the log.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds journal -- python3
journal_begin
kinds_make "$dir"

# once: the hook is called, and can fork once.
once()
{
    local variable=LD_PRELOAD

    ! has_sanitizers || variable=HOOK_PRELOAD
    (export "$variable=$BUILD_DIR/tests/one-fork.so" && hook "$@")
}

hook vm prepare begin <"$LAB/vm.xml"
for volume in persistent direct; do
    age_run "$POOL/vm/$volume-dirty.img"
    printf x | write_image "$POOL/vm/$volume-dirty.img" 512
done
exec 5<>"$POOL/vm/persistent-dirty.img"
once vm release end <"$LAB/vm.xml"
eventually 10 grep -q -e "4 domain vm: .*worker.*'vm/persistent'" "$LAB/journal"
workers_done
exec 5>&-
[ -e "$POOL/vm/persistent-dirty.img" ] || die "somebody has ended it"
ok "an end that is left to a worker, and the worker that there is not, are in the log"

done_testing
