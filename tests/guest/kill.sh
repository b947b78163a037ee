#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# SIGKILL at each step that changes a file, of the hook's prepare and release, and of the work that is
# left for later. The next start runs on the right data, and no revision is lost or made twice.
#
# KILL_EVERY takes each such step, KILL_FIRST is which one first (from 0; by chance).
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- strace
KEEP=1000 kinds_make "$dir"
sed "s/type='qemu'/type='xen'/" "$LAB/vm.xml" >"$LAB/xen.xml"

cp "$(command -v strace)" "$LAB/virtxend.strace"

changing=renameat2,renameat,rename,linkat,unlinkat,fsync,fdatasync,fsetxattr,fremovexattr
changing+=,ftruncate,utimensat,copy_file_range,ioctl

# write_counter NUMBER: as the guest would, on the disks that keep something, and on those that do not.
write_counter()
{
    local kind

    for kind in persistent direct snapshot volatile; do
        # shellcheck disable=SC2059
        printf "$(printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) 0 0)" |
            write_image "$POOL/vm/$kind-dirty.img" 512
    done
}

# traced OPTION... -- COMMAND...: runs it under strace, which plays the daemon that calls the hook, and
# so has its name. (strace ends as the program did: the shell in between is who says "Killed".)
traced()
{
    local options=()

    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    bash -c '"$@"; exit $?' - "$LAB/virtxend.strace" -qq -e trace=$changing "${options[@]}" "$@" \
        <"$LAB/xen.xml" >/dev/null 2>"$LAB/err"
}

# sweep NAME BEFORE COMMAND...: BEFORE and COMMAND once to see what COMMAND does; then again for each
# of its calls, with COMMAND killed when it begins that one. After each the domain runs.
sweep()
{
    local name=$1 before=$2 call total n status
    shift 2

    where="$name, to the end"
    "$before"
    traced -o "$LAB/trace" -- "$@" || die "$where: $(cat "$LAB/err")"
    a_run
    while read -r total call; do
        for ((n = 1; n <= total; n++)); do
            steps=$((steps + 1))
            [ $((steps % every)) = "$first" ] || continue
            where="$name, $call number $n"
            status=0
            "$before"
            traced -o /dev/null -e inject="$call:signal=KILL:when=$n" -- "$@" || status=$?
            [ $status = 137 ] || [ $status = 0 ] || die "$where: $status: $(cat "$LAB/err")"
            [ $status = 0 ] || points=$((points + 1))
            a_run
        done
    done < <(sed -n 's/^\([a-z0-9]*\)(.*/\1/p' "$LAB/trace" | sort | uniq -c)
}

start()
{
    hook vm prepare begin <"$LAB/xen.xml"
}

stop()
{
    hook vm release end <"$LAB/xen.xml"
}

# runs_on NUMBER: the domain is started now, and has the right disks.
runs_on()
{
    local kind

    for kind in persistent direct; do
        [ "$(counter "$POOL/vm/$kind-dirty.img")" = "$1" ] ||
            die "$where: $kind runs on $(counter "$POOL/vm/$kind-dirty.img"), not $1"
    done
    cmp "$POOL/vm/snapshot-dirty.img" "$POOL/vm/template.img" || die "$where: another snapshot"
    [ "$(counter "$POOL/vm/volatile-dirty.img")" = 0 ] || die "$where: volatile is not new"
    [ "$(stat -c %s "$POOL/vm/volatile-dirty.img")" = 1048576 ] || die "$where: volatile is not whole"
}

# check_revisions [NUMBER]: they are numbered 1, 2, 3, ..., and what the last NUMBER hold grows: none
# is lost or there twice.
check_revisions()
{
    local numbers number last=-1

    numbers=$(revisions vm/persistent)
    [ "$numbers" = "$(seq "$(wc -w <<<"$numbers")" | xargs)" ] || die "$where: revisions $numbers"
    for number in $(xargs -n 1 <<<"$numbers" | tail -n "${1:-3}"); do
        value=$(counter "$POOL/vm/persistent.img.$number@"*)
        [ "$value" -gt "$last" ] || die "$where: revision $number holds $value, after $last"
        last=$value
    done
    [ "$last" -lt "$(counter "$POOL/vm/persistent.img")" ] || die "$where: a revision is current"
}

every=${KILL_EVERY:-1}
first=${KILL_FIRST:-$((RANDOM % every))}
count=0
steps=0
points=0

# a_run: the whole run that follows what was killed. The domain has disks with $count on them.
a_run()
{
    local file revisions

    start 2>"$LAB/err" || die "$where: $(cat "$LAB/err")"
    runs_on $count
    revisions=$(revisions vm/persistent | wc -w)
    count=$((count + 1))
    write_counter $count
    stop
    for file in persistent direct; do
        [ "$(counter "$POOL/vm/$file.img")" = $count ] || die "$where: $file is not committed"
    done
    kinds_no_dirty
    check_revisions
    [ "$(revisions vm/persistent | wc -w)" -le $((revisions + 1)) ] || die "$where: two revisions"
}

with_precache()
{
    workers_done
}

without_precache()
{
    workers_done
    rm -f "$POOL"/vm/*-precache.img
}

written()
{
    start
    runs_on $count
    count=$((count + 1))
    write_counter $count
}

# Only the persistent volume is left running, and needs the worker.
written_and_alone()
{
    without_precache
    written
    rm /run/libvirt-reflink/started-*
    sed '/persistent-dirty/d' "$LAB/xen.xml" | hook vm release end
    age_run "$POOL/vm/persistent-dirty.img"
}

hook=$STAGE_DIR/libexec/libvirt-reflink/libvirt-reflink-event
sweep "prepare" with_precache "$hook" vm prepare begin -
ok "prepare: the next start has the right disks, wherever it was killed (precaches ready)"
sweep "prepare without precache" without_precache "$hook" vm prepare begin -
ok "prepare: the same where images have to be made"
sweep "release" written "$hook" vm release end -
ok "release: what was written is committed once, or goes on"
# What the hook leaves to a worker, the command does in one process.
sweep "stop" written_and_alone "$STAGE_DIR/bin/virt-reflink" stop "$POOL" vm/persistent
ok "pruning, precaches, removing: cut off anywhere, they are made up for"
check_revisions 1000
[ $points -gt $((50 / every)) ] || die "only $points points"
echo "# killed at $points points (KILL_EVERY=$every KILL_FIRST=$first)"

a_run
no_temporary
ok "no temporary is left after the last run"
done_testing
