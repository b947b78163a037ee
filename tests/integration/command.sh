#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# virt-reflink: what a person sees and decides, on the directory tree alone.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- setfattr
kinds_make "$dir"
lab_stop_libvirtd # from here on there is no daemon

# line VOLUME KIND STATE REVISIONS [DOMAIN]: list has that line.
line()
{
    tool list "$POOL" | grep -q -E "^$1 +$2 +$3 +$4 *${5:-}$" || die "list: $(tool list "$POOL")"
}

line vm/persistent persistent stopped 0
line vm/snapshot snapshot stopped 0
line vm/volatile volatile stopped 0
line vm/direct direct stopped 0
expect "POOL is a pool's directory" tool --help
expect "virt-reflink 0." tool --version
expect "1048576 bytes" tool info pool vm/persistent
expect "source           vm/template" tool info "$POOL" vm/snapshot
ok "list and info, with the pool by its directory or its name"

for kind in persistent snapshot volatile direct; do
    expect "$POOL/vm/$kind-dirty.img" tool start "$POOL" vm/$kind
    line vm/$kind $kind running 0 "started by hand"
    printf 'b\0\0\0' | write_image "$POOL/vm/$kind-dirty.img" 512
done
expect "$POOL/vm/persistent-dirty.img" tool start "$POOL" vm/persistent
expect "committed" tool stop "$POOL" vm/persistent
expect "dropped" tool stop "$POOL" vm/snapshot
expect "dropped" tool stop "$POOL" vm/volatile
expect "clean" tool stop "$POOL" vm/direct
kinds_no_dirty
[ "$(counter "$POOL/vm/persistent.img") $(counter "$POOL/vm/direct.img")" = "98 98" ] ||
    die "not what was written"
line vm/persistent persistent stopped 1
expect "vm/persistent@1" tool info "$POOL" vm/persistent
expect "nothing" tool stop "$POOL" vm/persistent
expect_exactly "" temporaries
cmp "$POOL/vm/persistent-precache.img" "$POOL/vm/persistent.img"
ok "start and stop do what each kind asks for, and leave nothing to do"

sleep 2.1
tool start "$POOL" vm/persistent >/dev/null
expect "no new revision" tool stop "$POOL" vm/persistent
line vm/persistent persistent stopped 1
ok "a stop without a write makes nothing"

tool start "$POOL" vm/persistent >/dev/null
printf 'x' | write_image "$POOL/vm/persistent-dirty.img" 512
expect "vm/persistent" tool discard "$POOL" vm/persistent
[ "$(counter "$POOL/vm/persistent.img")" = 98 ] || die "not discarded"
kinds_no_dirty
expect_exactly "" temporaries
tool start "$POOL" vm/direct >/dev/null
fails_with "only" tool discard "$POOL" vm/direct
tool stop "$POOL" vm/direct >/dev/null
fails_with "'vm/persistent' & no dirty image" tool discard "$POOL" vm/persistent
ok "discard drops what was written, but never the only image"

# A domain that libvirt has just started, and one that has its image open.
hook vm prepare begin <"$LAB/vm.xml"
fails_with "started & 'vm'" tool stop "$POOL" vm/persistent
fails_with "in use & 'vm'" tool start "$POOL" vm/persistent
age_run "$POOL/vm/persistent-dirty.img"
exec 5<>"$POOL/vm/persistent-dirty.img"
for what in start stop continue discard; do
    fails_with "in use|running|open" tool $what "$POOL" vm/persistent 5>&-
done
line vm/persistent persistent running 1 vm
exec 5>&-
line vm/persistent persistent leftover 1 vm
printf 'a\0\0\0' | write_image "$POOL/vm/persistent-dirty.img" 512
expect "committed" tool stop "$POOL" vm/persistent
[ "$(counter "$POOL/vm/persistent.img")" = 97 ] || die "not committed"
for kind in snapshot volatile direct; do
    age_run "$POOL/vm/$kind-dirty.img"
    tool stop "$POOL" vm/$kind >/dev/null
done
kinds_no_dirty
ok "what a domain has, or is about to have, is not touched; what one left is committed by stop"

# Who has what was started by hand: the process, and no domain that is off and defined with the disk.
tool start "$POOL" vm/persistent >/dev/null
exec 5<>"$POOL/vm/persistent-dirty.img"
expect "vm/persistent" cat /etc/libvirt/qemu/vm.xml
for what in "discard --yes" continue "revert vm/persistent@1" "rename to" "delete --yes"; do
    read -r -a words <<<"$what"
    ! said=$(tool "${words[0]}" "$POOL" vm/persistent "${words[@]:1}" 2>&1 5>&-) || die "$what succeeded"
    has_words "'vm/persistent' & 'virt-reflink start' & process $$ & stop'" <<<"$said" || die "$what says '$said'"
    [[ $said != *"'vm'"* ]] || die "$what says '$said', and the domain is off"
done
exec 5>&-
fails_with "'vm/persistent' & 'virt-reflink start' & 'virt-reflink stop'" tool rename "$POOL" vm/persistent to
tool stop "$POOL" vm/persistent >/dev/null
ok "a refusal names the process that has the image, and no domain that is off"

# Marked, as by a save or by a disk that reported an error.
for mark in saved suspect; do
    tool start "$POOL" vm/persistent >/dev/null
    setfattr -n trusted.libvirt-reflink.hold -v $mark "$POOL/vm/persistent-dirty.img"
    line vm/persistent persistent $mark 2 "started by hand"
    fails_with "continue & discard" tool stop "$POOL" vm/persistent
    fails_with "virt-reflink continue" tool start "$POOL" vm/persistent
    expect "next start" tool continue "$POOL" vm/persistent
    line vm/persistent persistent leftover 2
    tool start "$POOL" vm/persistent >/dev/null
    tool discard "$POOL" vm/persistent >/dev/null
done
ok "saved and suspect images wait for a decision"

# What a domain leaves whose disk is an overlay on the image.
tool start "$POOL" vm/persistent >/dev/null
tool continue "$POOL" vm/persistent >/dev/null
setfattr -n trusted.libvirt-reflink.below -v 'libxl 00000000-0000-4000-8000-000000000001 vm' \
    "$POOL/vm/persistent-dirty.img"
line vm/persistent persistent overlaid 2 "vm \[backing image of an overlay\]"
expect "overlay of       vm" tool info "$POOL" vm/persistent
for what in start stop discard; do
    fails_with "external snapshot & 'vm' & virt-reflink continue" tool $what "$POOL" vm/persistent
done
tool continue "$POOL" vm/persistent >/dev/null
line vm/persistent persistent leftover 2
tool discard "$POOL" vm/persistent >/dev/null
ok "what is below an external snapshot is shown, and stays until a person lets go of it"

rm "$POOL/vm/template.img" "$POOL"/vm/*-precache.img
fails_with "'vm/snapshot' & 'vm/template' & gone" tool start "$POOL" vm/snapshot
mv "$POOL/vm/persistent.img" "$POOL/vm/persistent-dirty.img"
line vm/persistent persistent orphan 2
fails_with "no clean" tool start "$POOL" vm/persistent
fails_with "no clean" tool stop "$POOL" vm/persistent
fails_with "only" tool discard "$POOL" vm/persistent
mv "$POOL/vm/persistent-dirty.img" "$POOL/vm/persistent.img"
ok "a source that is gone, and an image of which nobody knows what it is, are named"

for arguments in "" "list" "list a b" "info $POOL" "start $POOL" "stop $POOL a b" "frob $POOL x" "--help x" "doctor $POOL"; do
    status=0
    # shellcheck disable=SC2086
    tool $arguments >"$LAB/out" 2>"$LAB/err" || status=$?
    [ $status = 2 ] && [ ! -s "$LAB/out" ] || die "'$arguments': status $status"
    grep -q "^Usage: virt-reflink" "$LAB/err" || die "'$arguments': $(cat "$LAB/err")"
done
fails_with "^virt-reflink: & 'vm/none'" tool info "$POOL" vm/none
fails_with "^virt-reflink: & 'vm/none'" tool start "$POOL" vm/none
fails_with "^virt-reflink: & 'none'" tool list none
fails_with "^virt-reflink: .*not built" tool list "$LAB/"
fails_with "^virt-reflink: " tool info "$POOL" ../../etc/passwd
fails_with "^virt-reflink: " tool info "$POOL" vm/persistent@1
fails_with "^virt-reflink: " tool discard "$POOL" ""
ok "bad usage is status 2 and the usage, an error status 1 and one line"
done_testing
