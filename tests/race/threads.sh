#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# The module in the stock libvirtd, under the thread sanitizer, with many clients at once: there is no
# data race that the module has part in, and its locks are taken in one order.
#
# The daemon itself is as the distribution made it. Its locks are the C library's, which the sanitizer
# sees; reports without the module in them are not counted. RACE_THREADS_OPERATIONS is how many
# operations the clients do in all.
set -eu
# The sanitizer needs its part of the address space for itself.
[ -n "${RACE_FIXED_ADDRESSES:-}" ] || RACE_FIXED_ADDRESSES=1 exec setarch -R bash "$0" "$@"
export TMPDIR=${RACE_DIR:-/dev/shm}
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
requires_filesystem "$FS"
requires_command libvirtd setarch tsort
race=$BUILD_DIR/tests/race
sanitizer=$(ldd "$race/stage/lib/libvirt-reflink/"*/reflink.so | awk '/libtsan/ { print $3 }')
[ -n "$sanitizer" ] || skip "needs gcc's thread sanitizer"
lab_enter "$0" "$@"
dir=$(lab_filesystem "$FS" 600M)
seed=${RACE_SEED:-$((RANDOM + 1))}
operations=${RACE_THREADS_OPERATIONS:-2400}
volumes=(a app/b app/deep/c d)

# LOCK NAME for each lock there can be.
lock_names()
{
    local volume

    for volume in "${volumes[@]}"; do
        echo "$(printf %s "$volume" | sha256sum | cut -d' ' -f1) $volume"
        echo "$(printf %s "$volume~maintenance" | sha256sum | cut -d' ' -f1) $volume~maintenance"
    done
}

# What lock-watch wrote, with the names of locks.
named_locks()
{
    awk 'NR == FNR { name[$1] = $2; next }
         { for (i = 2; i <= NF; i++) if (sub(".*/", "", $i)) $i = ($i in name) ? name[$i] : "UNKNOWN"; print }' \
        <(lock_names) "$LAB/locks"
}

# Reports in which a function of the module has a part.
reports()
{
    cat "$LAB"/tsan.* 2>/dev/null | awk '
        /^={18}/ { if (report ~ /reflink\.so/) { print report; } report = ""; next }
        { report = report $0 "\n" }
        END { if (report ~ /reflink\.so/) print report }'
}

echo "# RACE_SEED=$seed RACE_THREADS_OPERATIONS=$operations"
BACKEND_DIR=$race/stage/lib/libvirt-reflink/storage-backend
# GLib of before 2.76 has an allocator of its own, whose blocks the sanitizer cannot tell apart.
lab_start_libvirtd LD_PRELOAD="$sanitizer $race/lock-watch.so" RL_LOCK_LOG="$LAB/locks" \
    G_SLICE=always-malloc \
    TSAN_OPTIONS="exitcode=0 history_size=5 log_path=$LAB/tsan"
reflink_pool pool "$dir/pool" "<reflink:revisions keep='2'/><reflink:volume match='d' kind='direct'/>"
timeout 400 "$race/clients" pool 8 "$operations" "$seed" || die "a client failed, or they hang"
virsh pool-refresh pool
ok "eight clients did $operations operations at once"

lab_stop_libvirtd
all=$(cat "$LAB"/tsan.* 2>/dev/null | grep -c '^WARNING: ThreadSanitizer' || true)
found=$(reports)
[ -z "$found" ] || die "the thread sanitizer has seen data races: $found"
# The sanitizer is deaf where it was not loaded into the daemon.
grep -q tsan_is_there "$LAB/locks" || die "the thread sanitizer was not there"
ok "no data race in the module ($all reports of others)"

named_locks >"$LAB/named"
! grep -q UNKNOWN "$LAB/named" || die "a lock of nobody's: $(grep -m1 UNKNOWN "$LAB/named")"
awk '$1 == "taken" { for (i = 3; i <= NF; i++) print $i, $2 }' "$LAB/named" | sort -u >"$LAB/pairs"
tsort "$LAB/pairs" >/dev/null 2>"$LAB/loop" || die "a circle of locks: $(cat "$LAB/loop")"
unsorted=$(awk '{ a = $1; b = $2; m = sub("~maintenance", "", a); n = sub("~maintenance", "", b)
                  if (m == n ? a >= b : n) print }' "$LAB/pairs")
[ -z "$unsorted" ] || die "locks were taken out of order: $unsorted"
with_lock=$(awk '$1 == "done" { for (i = 3; i <= NF; i++) if ($i !~ /~maintenance$/) { print; next } }' "$LAB/named")
[ -z "$with_lock" ] || die "with the lock of a volume: $with_lock"
taken=$(grep -c '^taken' "$LAB/named")
reflinks=$(grep -c 'reflink' "$LAB/named")
if [ "$taken" -le 100 ] || [ "$reflinks" -le 20 ] || [ ! -s "$LAB/pairs" ]; then
    die "too little was done"
fi
echo "# $taken locks taken, in $(wc -l <"$LAB/pairs") different pairs, all in order;" \
    "$reflinks reflinks, none with a volume's lock, nor was libvirt waited for with one"
ok "locks are taken in one order, and nothing slow is done with them"
done_testing
