#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Many starts and ends of eight domains at once, with virsh busy beside them: nothing is lost.
#
# STRESS_CYCLES is how many cycles the eight make together; the default is what takes a minute or two
# on a machine with two processors.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds size=2G -- qemu-system-x86_64

domains=8
cycles=$((${STRESS_CYCLES:-200} / domains))
POOL=$dir/pool
reflink_pool pool "$POOL" "<reflink:revisions keep='3'/>
    <reflink:volume match='*/volatile' kind='volatile'/>"
virsh vol-create-as pool vm/template 1M
write_image "$POOL/vm/template.img" <"$BOOT_IMAGE"

# The first disk of all is a template's snapshot; the first two share that.
make_domain()
{
    local number=$1 template=$1

    [ "$number" -gt 2 ] || template=1
    [ -e "$POOL/t$template/root.img" ] || virsh vol-clone vm/template "t$template/root" --pool pool
    create_snapshot pool "d$number/root" "$POOL/t$template/root.img"
    virsh vol-create-as pool "d$number/private" 1M
    virsh vol-create-as pool "d$number/volatile" 1M
    lab_domain "d$number" \
        "$POOL/d$number/root-dirty.img $POOL/d$number/private-dirty.img $POOL/d$number/volatile-dirty.img" \
        >"$LAB/d$number.xml"
    virsh define "$LAB/d$number.xml"
}

# start NUMBER RUN: on a busy machine libvirt gives up on a device model that is slow, and the start
# fails; or its guest has run to its end before libvirt looks, which is a failure too. The first is
# tried again.
start()
{
    local try

    for try in 1 2 3 4 5; do
        virsh start "d$1" 2>>"$LAB/start.failed" && return
        guest_wait "d$1"
        [ "$(counter "$POOL/d$1/private.img")" != "$2" ] || return 0
    done
    die "d$1 does not start: $(tail -n 3 "$LAB/start.failed")"
}

# cycle NUMBER: so many runs of that domain; some end by themselves, some are ended.
cycle()
{
    local run

    for ((run = 1; run <= cycles; run++)); do
        start "$1" "$run"
        eventually 60 kinds_has_counted "d$1" 3
        expect_exactly "1 $run 1" kinds_counts "d$1"
        [ $((run % 3)) != 0 ] || virsh destroy "d$1" 2>/dev/null || true
        guest_wait "d$1"
    done
    touch "$LAB/done.$1"
}

# beside NAME COMMAND...: again and again until the file "$LAB/over" is there.
beside()
{
    local name=$1 times=0
    shift

    until [ -e "$LAB/over" ]; do
        "$@" >>"$LAB/$name.out" 2>&1 || echo "$name: $?" >>"$LAB/$name.failed"
        times=$((times + 1))
        sleep 0.2
    done
    echo $times >"$LAB/$name.times"
}

list()
{
    virsh vol-list pool --details
}

# A clone is of one state: what it has was committed by some run. A pool that is refreshed, or a
# domain that has no clean image now, may say no; nothing else may.
clone()
{
    local number=$((RANDOM % domains + 1))

    virsh vol-clone "d$number/private" "copy/$number-$RANDOM" --pool pool
}

for ((number = 1; number <= domains; number++)); do
    make_domain $number
done

for name in list clone; do
    beside $name $name &
done
beside refresh virsh pool-refresh pool &
for ((number = 1; number <= domains; number++)); do
    cycle $number &
done
SECONDS=0
# A cycle that fails says so, and never gets done.
until [ "$(compgen -G "$LAB/done.*" | wc -l)" = $domains ]; do
    [ $SECONDS -lt 270 ] || die "only $(compgen -G "$LAB/done.*" | wc -l) of $domains got done"
    sleep 0.5
done
touch "$LAB/over"
echo "# $((cycles * domains)) cycles in $SECONDS s"
eventually 30 test -e "$LAB/list.times" -a -e "$LAB/clone.times" -a -e "$LAB/refresh.times"
ok "all cycles of all domains were run to their end"

for ((number = 1; number <= domains; number++)); do
    [ "$(counter "$POOL/d$number/private.img")" = $cycles ] ||
        die "d$number: $(counter "$POOL/d$number/private.img") of $cycles runs"
    # A start that failed within a second after a commit may have made one more.
    read -r -a numbers <<<"$(revisions "d$number/private")"
    [ ${#numbers[@]} = 3 ] && [ "${numbers[2]}" -ge $cycles ] ||
        die "d$number: revisions ${numbers[*]} after $cycles runs"
    [ "$(counter "$POOL/d$number/private.img.${numbers[2]}@"*)" -ge $((cycles - 1)) ] ||
        die "d$number: the last revision is too old"
done
ok "no run was lost, on any volume"

cat "$LAB"/*.failed 2>/dev/null | sed '/^$/d' | sort | uniq -c | sed 's/^/# /' || true
echo "# beside: $(cat "$LAB/list.times") lists, $(cat "$LAB/refresh.times") refreshes," \
    "$(compgen -G "$POOL/copy/*.img" | wc -l) clones"
for copy in "$POOL"/copy/*.img; do
    [ "$(counter "$copy")" -le $cycles ] || die "$copy is of no state that was committed"
done
[ "$(compgen -G "$POOL/copy/*.img" | wc -l)" -gt 5 ] || die "there were too few clones"
[ "$(wc -l <"$LAB/list.times")" = 1 ] && [ ! -e "$LAB/list.failed" ] || die "vol-list failed"
ok "lists, refreshes and clones went on beside them"

workers_done
expect_exactly "" temporaries
[ -z "$(find "$POOL" -name '*-dirty.img')" ] || die "a dirty image is left"
[ -z "$(ps -eo stat,comm | awk '$1 ~ /^Z/ && /reflink/')" ] || die "zombies: $(ps -e)"
virsh pool-refresh pool
expect_exactly "$(volumes pool | sort | xargs)" sh -c "virsh -q -c qemu:///system vol-list pool | awk 'NF { print \$1 }' | sort | xargs"
for record in $(find "$POOL" -name '*.volume.xml' -printf '%P\n'); do
    volume=${record%.volume.xml}
    expect "$volume" virsh vol-info "$volume" --pool pool
done
ok "no temporary, no dirty image, no stale record and no zombie is left"
done_testing
