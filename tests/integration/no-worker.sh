#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# A hook that can begin no worker, since the service that it runs in has no room for more tasks: what is
# left undone is in the log.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- perl
! has_sanitizers || skip "the sanitizers preload a library of their own"
kinds_make "$dir"

# What stands for the journal.
journal=/run/systemd/journal/socket
mkdir -p "$(dirname "$journal")"
perl -MIO::Socket::UNIX -e 'unlink $ARGV[0]; $| = 1;
    my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
    print $_ while defined $socket->recv($_, 65536)' "$journal" >"$LAB/journal" &
cleanup_fn kill $!
eventually 10 test -S "$journal"

# once: the hook is called, and can fork once.
once()
{
    LD_PRELOAD=$BUILD_DIR/tests/one-fork.so hook "$@"
}

logged()
{
    grep -q -F -e "$1" "$LAB/journal"
}

hook vm prepare begin <"$LAB/vm.xml"
for volume in persistent direct; do
    age_run "$POOL/vm/$volume-dirty.img"
    printf x | write_image "$POOL/vm/$volume-dirty.img" 512
done
exec 5<>"$POOL/vm/persistent-dirty.img"
once vm release end <"$LAB/vm.xml"
eventually 10 logged "domain vm: no worker for volume 'vm/persistent': fork failed"
workers_done
exec 5>&-
[ -e "$POOL/vm/persistent-dirty.img" ] || die "somebody has ended it"
ok "an end that is left to a worker, and the worker that there is not, are in the log"

done_testing
