#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink: what its commands show, to a person, to a pipe and to a program.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- setfattr python3 script
kinds_make "$dir"
lab_stop_libvirtd # from here on there is no daemon

# value EXPRESSION COMMAND...: what it is in the JSON that the command prints, as Python says it.
value()
{
    local expression=$1
    shift
    tool "$@" --json | python3 -c "import json, sys
top = json.load(sys.stdin)
volumes = {one['name']: one for one in top.get('volumes', [])}
print($expression)"
}

# on_terminal ARGUMENT...: what the command says to one.
on_terminal()
{
    script -qec "$(printf '%q ' "$STAGE_DIR/bin/virt-reflink" "$@")" /dev/null | tr -d '\r'
}

# found CODE...: check finds these, and says so in its exit code.
found()
{
    local status=0
    tool check "$POOL" >"$LAB/found" || status=$?
    [ "$status" = $((${#1} > 0 ? 3 : 0)) ] || die "status $status: $(cat "$LAB/found")"
    tool check "$POOL" --json >"$LAB/found.json" || :
    expect_exactly "$*" python3 -c "import json
print(*[one['code'] for one in json.load(open('$LAB/found.json'))['findings']])"
}

expect_exactly "The pool is in order." tool check --repair "$POOL"
found ""
tool start "$POOL" vm/persistent >/dev/null
printf 'b\0\0\0' | write_image "$POOL/vm/persistent-dirty.img" 512
tool stop "$POOL" vm/persistent >/dev/null
cp --reflink "$POOL/vm/persistent.img" "$POOL/vm/persistent.img@before"
tool start "$POOL" vm/persistent >/dev/null
tool start "$POOL" vm/snapshot >/dev/null

one="volumes['vm/persistent']"
expect_exactly "5" value "len(volumes)" list "$POOL"
expect_exactly "$POOL" value "top['pool']" list pool
expect_exactly "persistent running 1048576 started by hand" value \
    "'%s %s %d %s' % (${one}['kind'], ${one}['state'], ${one}['size'], ${one}['domain']['name'])" list pool
expect_exactly "['vm/persistent@1', 'vm/persistent@before']" value "[r['name'] for r in ${one}['revisions']]" list pool
expect_exactly "True" value "top['available'] < top['capacity']" list pool
expect_exactly "vm/template current" value \
    "'%(source)s %(source_state)s' % volumes['vm/snapshot']" list pool
expect_exactly "$POOL/vm/persistent.img $POOL/vm/persistent-dirty.img" value \
    "top['clean_image']['path'] + ' ' + top['dirty_image']['path']" info pool vm/persistent
expect_exactly "[1, 'before']" value "[r.get('number', r.get('label')) for r in top['revisions']]" \
    revisions pool vm/persistent
ok "JSON of list, info and revisions has what there is"

tool start "$POOL" vm/template >/dev/null
printf 'e\0\0\0' | write_image "$POOL/vm/template-dirty.img" 512
tool stop "$POOL" vm/template >/dev/null
expect_exactly "outdated" value "volumes['vm/snapshot']['source_state']" list pool
expect "vm/template (outdated)" tool list --long pool
tool stop "$POOL" vm/snapshot >/dev/null
mv "$POOL/vm/template.img" "$POOL/gone"
expect "vm/template (gone)" tool list --long pool
tool start "$POOL" vm/direct >/dev/null
age_run "$POOL/vm/direct-dirty.img"
echo x >"$POOL/vm/volatile.img~12ab34"
found leftover source-gone deleted temporary
expect "vm/direct: leftover: " cat "$LAB/found"
expect "stop' commits it" cat "$LAB/found"
tool stop "$POOL" vm/direct >/dev/null
! tool check --repair "$POOL" >/dev/null || die "the source is there"
found source-gone deleted
expect "vm/template (it is gone)" tool info pool vm/snapshot
mv "$POOL/gone" "$POOL/vm/template.img"
ok "a snapshot's source that was committed since, or is gone, is shown; check finds what is out of order"

# What programs read in a pipe is another thing than what a person sees.
expect_not "LAST COMMIT" tool list pool
expect_not $'\033' tool list --long pool
expect "LAST COMMIT" on_terminal list pool
expect $'\033[32mrunning' on_terminal list pool
NO_COLOR=1 expect_not $'\033' on_terminal list pool
expect $'\033[32mrunning' on_terminal info pool vm/persistent
expect_not $'\033' tool info pool vm/persistent
NO_COLOR=1 expect_not $'\033' on_terminal info pool vm/persistent
expect "clean image        1.0 MiB (1048576 bytes), " tool info pool vm/persistent
tool info --utc pool vm/persistent >"$LAB/info"
for line in '^revision         vm/persistent@1       .*Z    1\.0 MiB$' '^revision         vm/persistent@before  .*Z    1\.0 MiB$'; do
    grep -q -E "$line" "$LAB/info" || die "no '$line' in $(cat "$LAB/info")"
done
expect "are free." tool list --long pool
tool list --tree --utc pool >"$LAB/tree"
for line in '^vm/ *$' '^  persistent +persistent +running +1\.0 MiB .* 1 \+ 1 .*Z ' '^    @1 .*Z *$' '^    @before '; do
    grep -q -E "$line" "$LAB/tree" || die "no '$line' in $(cat "$LAB/tree")"
done
expect_exactly $'REVISION\n1\nbefore' awk '{ print $1 }' <(tool revisions pool vm/persistent)
ok "tables, trees and colors are for people"

# Paths as other programs print them.
for path in persistent.img persistent-dirty.img persistent-precache.img; do
    expect "volume           vm/persistent" tool info "$POOL/vm/$path"
    expect "volume           vm/persistent" tool info pool "$POOL/vm/$path"
done
(cd "$POOL" && expect "volume           vm/persistent" tool info ./vm/persistent.img)
fails_with "'/etc/passwd' & not an image" tool info pool /etc/passwd
age_run "$POOL/vm/persistent-dirty.img"
expect "next step        the next start continues" tool info pool vm/persistent
expect_exactly leftover value "top['state']" info "$POOL/vm/persistent-dirty.img"
ok "a path stands for its volume, and what is left says what comes next"

# sample LINE: metrics has it; the labels of a volume's metrics begin with the pool's.
sample()
{
    grep -q -x -F -- "libvirt_reflink_${1/POOL/pool=\"$POOL\"}" "$LAB/metrics" || die "no '$1' in $(cat "$LAB/metrics")"
}

cp --reflink "$POOL/vm/persistent.img" "$POOL/vm/q\"u\\o.img"
tool metrics pool >"$LAB/metrics"
sample 'volumes{POOL,state="leftover"} 1'
sample 'volumes{POOL,state="stopped"} 5'
sample 'volumes{POOL,state="orphan"} 0'
sample 'volume_revisions{POOL,volume="vm/persistent",kind="automatic"} 1'
sample 'volume_revisions{POOL,volume="vm/persistent",kind="named"} 1'
sample 'volume_size_bytes{POOL,volume="vm/q\"u\\o"} 1048576'
sample "volume_last_commit_timestamp_seconds{POOL,volume=\"vm/persistent\"} $(stat -c %Y "$POOL/vm/persistent.img")"
sample 'volume_waits_for_space{POOL,volume="vm/persistent"} 0'
grep -q 'volume_dirty_since_timestamp_seconds{.*volume="vm/persistent",domain="' "$LAB/metrics" || die "no dirty age"
awk '/^# TYPE / { if (seen[$3]++) exit 1; name = $3; next }
    /^# HELP / { next }
    !match($0, /^[a-z_]+[{].*[}] [0-9]+$/) || index($0, name "{") != 1 { exit 1 }' "$LAB/metrics" ||
    die "no metrics: $(cat "$LAB/metrics")"
rm "$POOL/vm/q\"u\\o.img"
ok "metrics has volumes, their states and their times"

# A worker that hangs, on a host that has been up for an hour longer.
sample 'stale_workers{POOL} 0'
mkdir "$LAB/hook"
install "$(command -v sleep)" "$LAB/hook/libvirt-reflink-event"
"$LAB/hook/libvirt-reflink-event" 1000 &
worker=$!
awk '{ print $1 + 3700, $2 }' /proc/uptime >"$LAB/uptime"
mount --bind "$LAB/uptime" /proc/uptime
tool metrics pool >"$LAB/metrics"
sample 'stale_workers{POOL} 1'
tool doctor >"$LAB/said" || :
expect "'kill $worker'" grep "^WRONG   workers: process $worker " "$LAB/said"
umount /proc/uptime
kill $worker
ok "a worker that does not end is counted, and named"

# An administrator wants to know of it early.
sample 'pool_low_space{POOL} 0'
expect_exactly False value "top['low_space']" list pool
head -c 32M /dev/zero >"$dir/ballast" # of btrfs, 99 percent were free
sync -f "$dir"
sed -i "s|<reflink:revisions|<reflink:space warn-below='99'/>&|" "$POOL/.reflink-pool.xml"
tool metrics pool >"$LAB/metrics"
sample 'pool_low_space{POOL} 1'
expect_exactly True value "top['low_space']" list pool
expect "That is low" tool list --long pool
! tool check pool >"$LAB/found" || die "check finds no lack of space"
expect "pool: space: " cat "$LAB/found"
sed -i "s|<reflink:space warn-below='99'/>||" "$POOL/.reflink-pool.xml"
ok "a pool that is short of space is called that"

# because WORD: why the volume was left.
because()
{
    expect_exactly "$1" value "top.get('reason')" info pool vm/persistent
}

image=$POOL/vm/persistent
because by-hand
expect "not stopped" tool info pool vm/persistent
setfattr -n trusted.libvirt-reflink.run -v "$(note "$image-dirty.img" run | sed 's/^boot=.*/boot=0/')"$'\n' "$image-dirty.img"
because host-down
setfattr -n trusted.libvirt-reflink.hold -v saved "$image-dirty.img"
because saved
setfattr -n trusted.libvirt-reflink.hold -v suspect "$image-dirty.img"
because lost-writes
tool continue pool vm/persistent >/dev/null
because kept
tool discard --yes pool vm/persistent >/dev/null
because None
ok "info says why a volume was left"

mkdir -p "$POOL/volumes"
truncate -s 1M "$POOL/volumes/plain.img"
tool start -q pool plain
printf a | write_image "$POOL/volumes/plain-dirty.img"
tool stop -q pool plain
workers_done
found ""
expect_not "edited" tool info pool plain
printf b | dd of="$POOL/volumes/plain.img" conv=notrunc,fsync status=none
expect "the clean image: the precache has the state before" tool info pool plain
expect_exactly True value "top['edited']" info pool plain
tool start -q pool plain
tool stop -q pool plain
workers_done
expect_not "edited" tool info pool plain
expect_exactly 2 grep -c "^revision" <(tool info pool plain)
cp "$POOL/volumes/plain.img" "$POOL/volumes/plain.img.1@2018-01-02T05:06:07Z"
found ambiguous
expect "have the same number; rename" cat "$LAB/found"
rm "$POOL/volumes/plain.img.1@2018-01-02T05:06:07Z"
echo x >"$POOL/plain.img"
found hidden
expect "'$POOL/plain.img' takes the short path of the volume; move" cat "$LAB/found"
rm "$POOL/plain.img"
ln "$POOL/volumes/plain.img" "$POOL/volumes/twin.img"
found shared shared
expect "it cannot be started: clone one of the two" cat "$LAB/found"
fails_with "share one file" tool start pool plain
rm -r "$POOL/volumes"
ok "info tells of an edit that is not kept yet, check of two revisions of one number and of a file on a short path"

# What we never write.
found ""
tool start pool vm/persistent >/dev/null
age_run "$image-dirty.img"
printf z | write_image "$image.img" 512
found leftover misfit
expect "'virt-reflink discard'" cat "$LAB/found"
setfattr -n trusted.libvirt-reflink.hold -v saved "$image-dirty.img"
found ""
setfattr -x trusted.libvirt-reflink.run "$image-dirty.img"
found marks
tool discard --yes pool vm/persistent >/dev/null
tool start pool vm/persistent >/dev/null
mv "$image-dirty.img" "$image.img"
setfattr -n trusted.libvirt-reflink.hold -v kept "$image.img@before"
found marks marks
expect "'persistent.img@before'" cat "$LAB/found"
expect "setfattr" cat "$LAB/found"
tool metrics pool >"$LAB/metrics"
sample 'problems{POOL,code="marks"} 2'
sample 'problems{POOL,code="torn"} 0'
ok "check finds marks and owners that contradict the image that they are on, and metrics counts them"

head -c 1M /dev/urandom >"$POOL/vm/one.img"
sync "$POOL/vm/one.img"
expect "has 1 extent." tool defragment pool vm/one
rm "$POOL"/vm/one*
! tool usage pool vm/none >"$LAB/said" 2>/dev/null || die "it is there"
expect_exactly "" cat "$LAB/said"
ok "what is one is called that, and a table that has nothing has no head"

fails_with "'vm/none'" tool revisions pool vm/none
rm -f "$POOL"/vm/persistent{,-dirty,-precache}.img
found deleted
expect_exactly $'REVISION\n1\nbefore' awk '{ print $1 }' <(tool revisions pool vm/persistent)
expect_exactly "deleted 2" value "${one}['state'] + ' %d' % len(${one}['revisions'])" list pool
expect_exactly "" tool stop --quiet pool vm/direct
for command in list info revisions check metrics start stop attach detach continue discard init adopt export validate doctor; do
    expect "Usage: virt-reflink $command [OPTION...]" tool "$command" --help
done
ok "revisions without a volume are shown, -q is quiet, and each command has help"

# completes LINE WORD...: Bash, at the end of LINE, offers these.
completes()
{
    local words=()
    read -r -a words <<<"${1//@/ @ }"
    [[ $1 != *" " ]] || words+=("")
    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
    COMPREPLY=()
    _virt_reflink
    shift
    [ "${COMPREPLY[*]}" = "$*" ] || die "after '$COMP_LINE' Bash offers '${COMPREPLY[*]}', not '$*'"
}

PATH=$STAGE_DIR/bin:$PATH
. "$SOURCE_DIR/packaging/completion/virt-reflink"
completes "virt-reflink revisi" revisions
completes "virt-reflink list --t" --tree
completes "virt-reflink revisions --ch" --changes
completes "virt-reflink list po" pool
completes "virt-reflink info --json pool vm/per" vm/persistent
completes "virt-reflink info $POOL vm/v" vm/volatile
completes "virt-reflink info pool vm/persistent@" 1 before
completes "virt-reflink send --from vm/persistent@1 pool vm/per" vm/persistent
completes "virt-reflink log --lines 5 pool vm/per" vm/persistent
completes "virt-reflink log --no-w" --no-written
completes "virt-reflink export --from vm/persistent@1 --nbd /run/s pool vm/per" vm/persistent
completes "virt-reflink doctor "
mkdir -p /run/libvirt/qemu
: >/run/libvirt/qemu/other.xml
completes "virt-reflink attach --bus scsi pool vm/persistent oth" other
completes "virt-reflink attach pool vm/persistent other "
rm /run/libvirt/qemu/other.xml
mkdir -p /etc/libvirt/qemu
: >/etc/libvirt/qemu/off.xml
completes "virt-reflink repath pool of" off
completes "virt-reflink repath pool off "
completes "virt-reflink repath --dr" --dry-run
rm /etc/libvirt/qemu/off.xml
completes "virt-reflink adopt $POOL/v" "$POOL/vm"
completes "virt-reflink export --nbd /run/s pool vm/persistent@" 1 before
ok "Bash completes commands, options, pools, volumes and revisions"

pool_document good /srv/pool "<reflink:revisions keep='3'/><reflink:volume match='a' keep='1'/>" >"$LAB/good.xml"
pool_document bad /srv/pool "<reflink:revisions keep='many'/>" >"$LAB/bad.xml"
plain_document plain /srv/pool >"$LAB/plain.xml"
pool_document none srv/pool >"$LAB/relative.xml"
expect_exactly "$LAB/good.xml is a valid reflink pool at /srv/pool, with 1 rules." tool validate "$LAB/good.xml"
expect_exactly "True /srv/pool" value "'%(valid)s %(path)s' % top" validate "$LAB/good.xml"
fails_with "bad.xml & line 5 & keep='many' & <reflink:revisions>" tool validate "$LAB/bad.xml"
fails_with "plain.xml & no <reflink:options>" tool validate "$LAB/plain.xml"
fails_with "relative.xml & absolute" tool validate "$LAB/relative.xml"
fails_with "cannot open '/none'" tool validate /none
fails_with "document is empty" tool validate /dev/null
status=0
tool validate --json "$LAB/bad.xml" >"$LAB/said" || status=$?
expect_exactly "1 False" python3 -c "import json
print($status, json.load(open('$LAB/said'))['valid'])"
ok "validate says what is wrong with a definition, and where"

# A file system that is to be mounted there, and is not.
if [ -e /etc/fstab ]; then
    echo "UUID=0 $LAB/mnt xfs defaults 0 0" >"$LAB/fstab"
    mount --bind "$LAB/fstab" /etc/fstab
    mkdir -p "$LAB/mnt/pool"
    fails_with "not mounted & $LAB/mnt" tool list "$LAB/mnt/pool"
    umount /etc/fstab
    ok "a pool that is not mounted is called that"
fi
done_testing
