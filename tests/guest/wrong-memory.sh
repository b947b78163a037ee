#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A domain's memory is restored on the disks that it was saved with and on no others: not that of an
# earlier save, not on disks that ran on, nor on disks that were put back. What fits is not turned away:
# copies and edited files; and there is a way to run it on clones of its disks.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
kinds=(persistent snapshot volatile direct)
managed=/var/lib/libvirt/qemu/save/vm.save

tool()
{
    "$STAGE_DIR/bin/virt-reflink" "$1" "$POOL" "${@:2}" >/dev/null
}

# works TEXT: the guest writes that on all disks.
works()
{
    local kind

    for kind in "${kinds[@]}"; do
        echo "$1" | write_image "$POOL/vm/$kind-dirty.img" 4096
    done
}

# save FILE: and its images' notes are made.
save()
{
    virsh save vm "$1"
    workers_done
    kinds_note_disks
}

# edit FILE: its XML gets a title.
edit()
{
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nsed -i "s,<vcpu,<title>edited</title>&," "$1"\n' >"$LAB/editor"
    chmod +x "$LAB/editor"
    EDITOR=$LAB/editor virsh save-image-edit "$1"
}

# wrong WORDS COMMAND...: refused for that reason, by a message that says the way out, and no disk changes.
wrong()
{
    sync -f "$POOL"
    kinds_note_disks
    fails_with "$1 & virt-reflink continue" "${@:2}"
    kinds_same_disks
    domain_is_off vm || die "the domain runs"
}

# fits COMMAND...: the domain is restored, on the disks as they are.
fits()
{
    "$@"
    expect "running" virsh domstate vm
    kinds_same_disks
}

# abandon: nothing is kept of it.
abandon()
{
    domain_is_off vm || virsh destroy vm
    workers_done
    for kind in "${kinds[@]}"; do
        [ ! -e "$POOL/vm/$kind-dirty.img" ] || tool continue "vm/$kind"
        [ ! -e "$POOL/vm/$kind-dirty.img" ] || tool stop "vm/$kind"
    done
    kinds_no_dirty
}

# keep_pool NAME, put_back NAME: all files of the volumes, with what is noted on them.
keep_pool()
{
    cp -a --reflink=always "$POOL/vm" "$dir/$1"
}

put_back()
{
    rm -r "$POOL/vm"
    cp -a --reflink=always "$dir/$1" "$POOL/vm"
}

kinds_start_idle
save "$LAB/monday"
cp "$LAB/monday" "$LAB/copy"
keep_pool monday
fits virsh restore "$LAB/monday"
works "Tuesday morning"
keep_pool running
works "Tuesday"
save "$LAB/tuesday"
keep_pool tuesday
for file in monday copy; do
    wrong "$LAB/$file & earlier save" virsh restore "$LAB/$file"
done
edit "$LAB/copy"
wrong "earlier save" virsh restore "$LAB/copy"
ok "the memory of an earlier save is refused, also a copy, or with its XML edited"

cp "$LAB/tuesday" "$LAB/copy"
touch -d "10 minutes" "$LAB/copy"
edit "$LAB/copy"
fits virsh restore "$LAB/copy"
ok "a copy of the right one, edited, goes on"

works "Wednesday"
host_loses_power
for file in monday tuesday; do
    wrong "run on" virsh restore "$LAB/$file"
done
virsh start vm
kinds_idle
host_loses_power
for file in monday tuesday; do
    wrong "saved memory" virsh restore "$LAB/$file"
done
ok "disks that ran on, and whose host crashed, get none; and a restore that is refused drops none"
abandon

# What is put back knows nothing of what came later; the host does.
for state in running monday; do
    put_back tuesday
    kinds_note_disks
    fits virsh restore "$LAB/tuesday"
    save "$LAB/wednesday"
    cp "$LAB/wednesday" "$LAB/copy"
    put_back $state
    touch -d "10 minutes" "$LAB/copy"
    wrong "put back|host|run on|copy" virsh restore "$LAB/copy"
    abandon
done
put_back monday
kinds_note_disks
fits virsh restore "$LAB/monday"
abandon
ok "disks that were put back get no later memory, and their own"

put_back tuesday
cp -a --reflink=always "$dir/monday/snapshot-dirty.img" "$POOL/vm/snapshot-dirty.img"
cp "$LAB/tuesday" "$LAB/copy"
rm -f /run/libvirt-reflink/saved-*
wrong "different saves" virsh restore "$LAB/copy"
cp -a --reflink=always "$dir/tuesday/snapshot-dirty.img" "$POOL/vm/snapshot-dirty.img"
echo fsck | write_image "$POOL/vm/direct-dirty.img" 8192
wrong "vm/direct & changed" virsh restore "$LAB/copy"
abandon
ok "one disk of another save, or that was changed, is told from the others"

kinds_start_idle
virsh managedsave vm
workers_done
cp -p $managed "$LAB/managed"
virsh start vm
works "on"
virsh managedsave vm
workers_done
cp -p $managed "$LAB/good"
cp -p "$LAB/managed" $managed
wrong "another save" virsh start vm
cp "$LAB/good" $managed
kinds_note_disks
fits virsh start vm
abandon
ok "the same for managed saves"

# Saved, and what its memory was then is lost to a person's decision: it was never restored.
kinds_start_idle
save "$LAB/monday"
for kind in "${kinds[@]}"; do
    tool continue "vm/$kind"
done
virsh start vm
kinds_idle
touch -d "10 minutes ago" "$LAB/monday"
save "$LAB/tuesday"
wrong "before the run" virsh restore "$LAB/monday"
kinds_note_disks
fits virsh restore "$LAB/tuesday"
abandon
ok "a file that is older than the run that was saved is refused by its date"

# The recipe of virt-reflink(8).
kinds_start_idle
save "$LAB/monday"
clones=""
for kind in "${kinds[@]}"; do
    clones+="$POOL/clone/$kind-dirty.img "
done
virsh vol-clone vm/persistent vm/persistent@saved --pool pool
virsh vol-clone vm/persistent@saved clone/persistent --pool pool
cmp "$POOL/vm/persistent-dirty.img" "$POOL/clone/persistent.img"
mkdir -p "$POOL/clone"
for kind in snapshot volatile direct; do
    virsh vol-create-as pool "clone/$kind-state" 1M
    cp --reflink=always "$POOL/vm/$kind-dirty.img" "$POOL/clone/$kind-state.img"
done
clones=$(printf "$POOL/clone/%s-dirty.img " persistent snapshot-state volatile-state direct-state)
lab_domain vm "$clones" "<uuid>00000000-0000-4000-8000-000000000001</uuid>" >"$LAB/clone.xml"
virsh dumpxml vm --inactive --security-info >"$LAB/defined.xml"
! emulators_write_saves || virsh define "$LAB/clone.xml"
fails_with "clone & virt-reflink start" virsh restore "$LAB/monday" --xml "$LAB/clone.xml"
for volume in clone/persistent clone/snapshot-state clone/volatile-state clone/direct-state; do
    tool start $volume
    tool continue $volume
done
fits virsh restore "$LAB/monday" --xml "$LAB/clone.xml"
virsh define "$LAB/defined.xml"
ok "the memory runs on clones of its disks, and the disks stay saved"
virsh destroy vm
workers_done
for kind in "${kinds[@]}"; do
    expect_info "vm/$kind" "saved"
done
kinds_note_disks
fits virsh restore "$LAB/monday"
abandon

no_temporary
done_testing
