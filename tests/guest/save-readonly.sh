#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A saved guest with read-only disks: these are kept for it like the others, through restores that fail,
# and what was only read is never committed.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks -- qemu-system-x86_64
# shellcheck disable=SC2034
long_saves=yes
kinds_make "$dir"
save=$LAB/vm.save
other=/etc/libvirt/hooks/qemu.d/60-other
vr=$STAGE_DIR/bin/virt-reflink

define_disks "$(disk file "file='$POOL/vm/persistent-dirty.img'")" \
    "$(disk file "file='$POOL/vm/template-dirty.img'" "<readonly/>" cdrom)" \
    "$(disk file "file='$POOL/vm/snapshot-dirty.img'" "<readonly/>" cdrom)" \
    "$(disk file "file='$POOL/vm/direct-dirty.img'" "<readonly/>" cdrom)"

# run: the guest counts on the disk that it can write to, and idles.
run()
{
    kinds_wish P
    virsh start vm
    kinds_idle vm 1
    kinds_note_disks
}

# ends_well COUNT: what the guest wrote is committed at its end; what it read has no revision.
ends_well()
{
    local volume

    expect "running" virsh domstate vm
    virsh destroy vm
    workers_done
    kinds_no_dirty
    [ "$(counter "$POOL/vm/persistent.img")" = "$1" ] || die "another count"
    for volume in template snapshot direct; do
        expect_exactly "" revisions "vm/$volume"
    done
}

# A hook that comes after ours may refuse.
cat >"$other" <<'HOOK'
#!/bin/sh
[ "$2" != prepare ] || [ ! -e /run/refuse ]
HOOK
chmod +x "$other"

run
virsh save vm "$save"
for attempt in first second; do
    touch /run/refuse
    fails_with "Hook script execution failed" virsh restore "$save"
    rm /run/refuse
    kinds_same_disks
    ok "a $attempt restore fails: the disks stay"
done
virsh restore "$save"
kinds_same_disks
ends_well 1
ok "restored after that, the guest goes on with them, and what it only reads gets no revision"

run
virsh managedsave vm
virsh managedsave-remove vm
kinds_same_disks
virsh start vm
kinds_idle vm 1
ends_well 3
ok "without its memory the guest starts on them"

run
virsh save vm "$save"
touch /run/refuse
fails_with "Hook script execution failed" virsh restore "$save"
rm /run/refuse
workers_done
for volume in template snapshot direct; do
    fails_with "vm/$volume & saved" "$vr" stop "$POOL" "vm/$volume"
    "$vr" continue "$POOL" "vm/$volume"
    "$vr" stop "$POOL" "vm/$volume"
    expect_info "vm/$volume" stopped
    expect_exactly "" revisions "vm/$volume"
done
"$vr" continue "$POOL" vm/persistent
ok "stopped by hand, what was only read is not committed"

# Images at rest, by their paths and as a volume. Whatever their dates, they are what they were at the save.
# becomes TEXT: the template has another content, and a revision more.
becomes()
{
    "$vr" start "$POOL" x/template
    echo "$1" | write_image "$POOL/x/template-dirty.img"
    "$vr" stop "$POOL" x/template
}

# is_believed: what the save file says of images has to be in the domain's definition as well where libvirt may have had
# an emulator write that.
is_believed()
{
    emulators_write_saves || return 0
    virsh save-image-dumpxml "$save" >"$LAB/saved.xml"
    virsh define "$LAB/saved.xml"
}

# reads FILE [COMMAND...]: the domain does, COMMAND is run, and it is saved. Each save is of a run of its own: a paused guest's memory may
# be that of an earlier save, byte for byte.
reads()
{
    define_other_disks 1 "$(disk file "file='$POOL/vm/persistent-dirty.img'")" \
        "$(disk file "file='$1'" "<readonly/>" cdrom)" \
        "$(disk volume "pool='pool' volume='x/template@gold'" "<readonly/>" cdrom)"
    virsh start 1 --paused
    "${@:2}"
    virsh save 1 "$save"
    workers_done
    is_believed
}

# fits: the domain is restored, and ends.
fits()
{
    virsh restore "$save" --paused
    virsh destroy 1
    workers_done
}

clean=$POOL/x/template.img
virsh vol-create-as pool x/template 1M
becomes one
becomes two
"$vr" snapshot "$POOL" x/template gold
reads "$clean"
fits
reads "$clean"
# The dates say that it has another name since.
"$vr" rename "$POOL" x/template x/away
fails_with "x/template" virsh restore "$save"
"$vr" rename "$POOL" x/away x/template
fits
reads "$clean"
# What is older than the save.
older=$(ls "$POOL"/x/template.img.1@*)
mv "$clean" "$dir/aside"
mv "$older" "$clean"
fails_with "'x/template' & only reads & 'template.img' & changed after" virsh restore "$save"
mv "$clean" "$older"
mv "$dir/aside" "$clean"
fits
reads "$clean"
mv "$POOL/x/template.img@gold" "$dir/aside"
ln "$older" "$POOL/x/template.img@gold"
fails_with "'x/template' & only reads & @gold' & changed after" virsh restore "$save"
mv -f "$dir/aside" "$POOL/x/template.img@gold"
fits
# The domain has read what is a revision by now; that will do, as the message says.
reads "$clean" becomes three
fails_with "'x/template' & only reads & changed after & save-image-edit" virsh restore "$save"
virsh save-image-dumpxml "$save" | sed "s,$clean,$(ls "$POOL"/x/template.img.3@*)," >"$LAB/edited.xml"
virsh save-image-define "$save" "$LAB/edited.xml"
is_believed
fits
ok "what a saved guest only reads at rest is what it was at the save, by whatever name and date"

# with_disk FILE: the saved domain has that in place of the clean image.
with_disk()
{
    virsh save-image-dumpxml "$save" | sed "s,${clean}[^']*,$1,; s,$POOL/vm/direct.img,$1,; s,$POOL/x/fresh.img,$1,; s,$POOL/x/small.img,$1," >"$LAB/edited.xml"
    virsh save-image-define "$save" "$LAB/edited.xml"
    is_believed
}

# A medium that the domain is given while it runs, of which libvirt tells no hook: it has the image that had the name then.
cp "$BOOT_IMAGE" "$LAB/medium.img"
# inserts FILE [COMMAND...]
inserts()
{
    virsh change-media 1 hdb "$1" --update --live --force
    "${@:2}"
}
# makes_fresh: a volume that has had one image, ever.
makes_fresh()
{
    virsh vol-create-as pool x/fresh 1M
    inserts "$POOL/x/fresh.img"
}
reads "$LAB/medium.img" inserts "$clean"
fits
reads "$LAB/medium.img" makes_fresh
fits
reads "$LAB/medium.img" inserts "$clean" becomes four
fails_with "'x/template' & only reads & changed after & without this disk" virsh restore "$save"
with_disk "$LAB/medium.img"
fits
# made_again, renamed: the name of that fresh volume is another one's, which has had one image as well.
made_again()
{
    virsh vol-delete x/fresh pool
    virsh vol-clone x/other x/fresh --pool pool
}
renamed()
{
    virsh vol-delete x/fresh pool
    "$vr" rename "$POOL" x/other x/fresh
}
virsh vol-create-as pool x/other 1M
for command in made_again renamed; do
    reads "$LAB/medium.img" inserts "$POOL/x/fresh.img" "$command"
    fails_with "'x/fresh' & only reads & changed after & without this disk" virsh restore "$save"
    with_disk "$LAB/medium.img"
    fits
done
# resized: it has another image, and no revision.
resized()
{
    virsh vol-resize x/small 2M --pool pool
    echo edited | write_image "$POOL/x/small.img"
}
virsh vol-create-as pool x/small 1M
reads "$LAB/medium.img" inserts "$POOL/x/small.img" resized
fails_with "'x/small' & only reads & changed after & without this disk" virsh restore "$save"
with_disk "$LAB/medium.img"
fits
# direct_runs: another run of the direct volume, which has no history.
direct_runs()
{
    "$vr" start "$POOL" vm/direct
    echo run | write_image "$POOL/vm/direct-dirty.img"
    "$vr" stop "$POOL" vm/direct
}
reads "$LAB/medium.img" inserts "$POOL/vm/direct.img" direct_runs
fails_with "'vm/direct' & only reads & changed after & without this disk" virsh restore "$save"
with_disk "$LAB/medium.img"
fits
# taken_out [COMMAND...]: it was the domain's at the start as well, and COMMAND is run meanwhile.
taken_out()
{
    virsh change-media 1 hdb --eject --live --force
    "$@"
    virsh change-media 1 hdb "$clean" --insert --live --force
}
reads "$clean" taken_out
fits
reads "$clean" taken_out becomes five
fails_with "'x/template' & only reads & changed after" virsh restore "$save"
with_disk "$(printf '%s\n' "$POOL"/x/template.img.* | sort -V | tail -1)"
fails_with "'x/template' & only reads & changed after" virsh restore "$save"
with_disk "$LAB/medium.img"
fits
ok "so is a medium that it was given while it ran, unless another image may have had that name"

# A named revision has the state that it was made of, and not what the image was before an edit or after it.
reads "$clean"
"$vr" snapshot "$POOL" x/template before
echo edited | write_image "$clean"
"$vr" snapshot "$POOL" x/template after
with_disk "$clean@after"
fails_with "'x/template' & only reads & @after' & changed after & outside of pools" virsh restore "$save"
cp -a "$clean@before" "$dir/aside"
with_disk "$clean@before"
echo edited | write_image "$clean@before"
fails_with "'x/template' & only reads & @before' & changed after" virsh restore "$save"
cp -a "$dir/aside" "$clean@before"
fits
ok "nor is a named revision of an edited image, or an edited one, what it was made of"

# A domain without a volume, on which nothing can be noted.
# reads_alone [COMMAND...]: as reads "$clean".
reads_alone()
{
    define_other_disks 1 "$(disk file "file='$LAB/medium.img'")" "$(disk file "file='$clean'" "<readonly/>" cdrom)"
    virsh start 1 --paused
    "$@"
    virsh save 1 "$save"
    workers_done
}
reads_alone
cp -a "$clean" "$dir/aside"
echo "put back" | write_image "$clean"
touch -d 2020-01-01 "$clean"
fails_with "'x/template' & only reads & changed after" virsh restore "$save"
cp -a "$dir/aside" "$clean"
fits
reads_alone becomes six
fails_with "'x/template' & only reads & changed after" virsh restore "$save"
with_disk "$(printf '%s\n' "$POOL"/x/template.img.* | sort -V | tail -1)"
fits
ok "nor is what a domain without a volume has read"
done_testing
