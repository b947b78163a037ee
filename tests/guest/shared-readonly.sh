#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# An installation medium is many domains' disk: each may have it read-only, and the last to stop ends
# it.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64 setfattr
kinds_make "$dir"
sleep 2.1 # younger images count as written: their dates would prove nothing

media=(template snapshot direct)

# define_readers NAME...: each with all media, and nothing else.
define_readers()
{
    local name kind disks=()

    for kind in "${media[@]}"; do
        disks+=("$(disk file "file='$POOL/vm/$kind-dirty.img'" "<readonly/>" cdrom)")
    done
    for name in "$@"; do
        define_other_disks "$name" "${disks[@]}"
    done
}

# all_have_it: the same images as ever, with the clean ones' content.
all_have_it()
{
    local kind

    workers_done
    [ "$(stat -c '%n %i' "$POOL"/vm/*-dirty.img)" = "$images" ] || die "other images"
    cmp "$POOL/vm/template-dirty.img" "$POOL/vm/template.img"
    for kind in "${media[@]}"; do
        expect_info "vm/$kind" running
    done
}

# at_rest: the listing, without the inode of the direct volume's image: what several domains have had
# no other one gets, but a reflink of it.
at_rest()
{
    listing "$POOL" | sed -E 's|^(vm/direct.img f) [0-9]+|\1|'
}

# all_at_rest: as before the first start.
all_at_rest()
{
    workers_done
    kinds_no_dirty
    expect_exactly "$before" at_rest
}

define_readers 1 2 3
before=$(at_rest)
for order in "1 2 3" "3 2 1" "2 3 1"; do
    for name in 1 2 3; do
        virsh start $name --paused
        images=$(stat -c '%n %i' "$POOL"/vm/*-dirty.img)
        all_have_it
    done
    read -r first second third <<<"$order"
    virsh destroy "$first"
    all_have_it
    virsh destroy "$second"
    all_have_it
    virsh destroy "$third"
    all_at_rest
    ok "three start, and end in the order $order: the last ends it, and nothing is committed"
done

# A domain that does not come to run: its device model ends at once.
for name in 1 2; do
    virsh start $name --paused
    images=$(stat -c '%n %i' "$POOL"/vm/*-dirty.img)
done
sed -e "s|</domain>|<qemu:commandline><qemu:arg value='-no-such-option'/></qemu:commandline></domain>|" \
    -e "s|<domain |<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' |" \
    "$LAB/3.xml" >"$LAB/failing.xml"
virsh define "$LAB/failing.xml"
# libvirt says why the emulator is gone, or that it cannot reach it.
fails_with "no-such-option|monitor" virsh start 3
all_have_it
virsh destroy 2
all_have_it
virsh destroy 1
all_at_rest
virsh define "$LAB/3.xml"
ok "a start that fails takes nothing from those who have it"

virsh start 1 --paused
images=$(stat -c '%n %i' "$POOL"/vm/*-dirty.img)
virsh start 2 --paused
lab_restart_libvirtd
all_have_it
for kind in "${media[@]}"; do
    age_run "$POOL/vm/$kind-dirty.img"
done
all_have_it
define_other_disks 4 "$(disk file "file='$POOL/vm/template-dirty.img'")"
fails_with "'vm/template' & in use" virsh start 4
define_other_disks 4 "$(disk file "file='$POOL/vm/direct-dirty.img'")"
fails_with "'vm/direct' & in use" virsh start 4
all_have_it
virsh destroy 2
all_have_it
virsh destroy 1
all_at_rest
ok "one that would write has to wait for all of them; a restart of libvirtd changes nothing"

virsh start 4 --paused
define_other_disks 1 "$(disk file "file='$POOL/vm/direct-dirty.img'" "<readonly/>" cdrom)"
fails_with "'vm/direct' & in use & '4'" virsh start 1
virsh destroy 4
ok "and one that would read, for one that writes"

no_temporary
done_testing
