#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A pool with <reflink:paths form='link'/>: a volume has one path, POOL/NAME, and it is always there. Clients
# find it while its domain is off, and libvirt finds the volume by what they wrote into a domain.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest states kinds -- qemu-system-x86_64 qemu-img
# shellcheck disable=SC2034
long_saves=yes
guest_pool "$pool" "<reflink:revisions keep='4'/><reflink:paths form='link'/>"

# leads FILE TARGET: the link of that name in the pool's directory.
leads()
{
    expect_exactly "$2" readlink "$pool/$1"
}

# --- a life

boot_volume web
leads web volumes/web.img
expect_exactly "$pool/web" virsh vol-path web qubes
expect_exactly "$pool/volumes/web-dirty.img" virsh vol-key web qubes
expect_exactly web virsh vol-name "$pool/web"
expect_exactly web virsh vol-name "$pool/volumes/web-dirty.img" # as who keeps the key
expect "<path>$pool/web</path>" virsh vol-dumpxml web qubes
guest_domain web web
expect "Capacity:       1048576" virsh domblkinfo web hda
expect "1 MiB" qemu-img info -U "$pool/web"
tool doctor >"$LAB/doctor" 2>&1 || :
expect_not "disk 'hda'" cat "$LAB/doctor"
tool check "$pool"
count=$(counter "$pool/web")
guest_run web
leads web volumes/web.img
expect_exactly $((count + 1)) counter "$pool/web"
guest_wish "$pool/web" P
virsh start web
guest_says web "disk 0: $((count + 2))"
leads web volumes/web-dirty.img
expect_exactly $((count + 2)) counter "$pool/web"
expect_exactly $((count + 1)) counter "$(image web)"
virsh pool-refresh qubes
leads web volumes/web-dirty.img
lab_restart_libvirtd
leads web volumes/web-dirty.img
expect "running" virsh domstate web
virsh destroy web
workers_done
leads web volumes/web.img
expect_exactly $((count + 2)) counter "$pool/web"
ok "the path is the clean image's while the domain is off, and the dirty image's while it runs"

# The wish went into the clean image, at rest: each start since has had it, and no start the precache of
# before. It is taken back in the same way.
virsh vol-info web qubes
guest_wish "$pool/web" -
workers_done
guest_run web
expect_exactly $((count + 3)) counter "$pool/web"
ok "what is written to the path at rest is what the next start has"

# The precache had the state before; the next start makes it a revision.
workers_done
cp --sparse=always "$pool/web" "$LAB/before-edit"
dd if=/dev/urandom of="$pool/web" bs=64k seek=8 count=2 conv=notrunc status=none
cp --sparse=always "$pool/web" "$LAB/edited"
guest_run web
workers_done
edit=$(find "$pool/volumes" -name 'web.img.*@*' | sort -V | tail -n 2 | head -n 1)
cmp "$LAB/before-edit" "$edit"
cmp "$LAB/edited" "$(find "$pool/volumes" -name 'web.img.*@*' | sort -V | tail -n 1)"
edit=${edit##*/web.img.}
expect "web@${edit%%@*}" tool revert "$pool" web "${edit%%@*}"
cmp "$LAB/before-edit" "$pool/web"
guest_run web
expect_exactly $((count + 4)) counter "$pool/web"
workers_done
# So does libvirt's look at the volume.
cp --sparse=always "$pool/web" "$LAB/before-edit"
virsh pool-refresh qubes
newest=$(volumes qubes | grep '^web@' | sort -V | tail -n 1)
dd if=/dev/urandom of="$pool/web" bs=64k seek=8 count=2 conv=notrunc status=none
edited()
{
    virsh vol-info web qubes >/dev/null
    volumes qubes | grep -q -x "web@$((${newest#web@} + 1))"
}
eventually 20 edited
virsh vol-clone "web@$((${newest#web@} + 1))" web@current --pool qubes
cmp "$LAB/before-edit" "$pool/web"
count=$((count + 1))
ok "an edit at rest is taken back by the revision of the state before"

# Old XML.
lab_domain old "$pool/volumes/web-dirty.img" >"$LAB/old.xml"
virsh define "$LAB/old.xml"
guest_run old
expect_exactly $((count + 4)) counter "$pool/web"
leads web volumes/web.img
virsh undefine old
ok "a domain that names the dirty image's path goes on running"

# By the names of pool and volume.
sed "s|<disk type='file'|<disk type='volume'|; s|<source file=.*|<source pool='qubes' volume='web'/>|" "$LAB/web.xml" |
    sed 's|<name>web|<name>named|' >"$LAB/named.xml"
virsh define "$LAB/named.xml"
guest_run named
expect_exactly $((count + 5)) counter "$pool/web"
rm "$pool/web"
echo "somebody's own" >"$pool/web"
fails_with "'web' & $pool/web & taken" virsh start named
expect_exactly "somebody's own" cat "$pool/web"
[ ! -e "$(image web -dirty.img)" ]
rm "$pool/web"
virsh pool-refresh qubes
leads web volumes/web.img
guest_run named
expect_exactly $((count + 6)) counter "$pool/web"
virsh undefine named
ok "what else lies under its path is not followed, and the link comes back"

# --- saved, and read

count=$(counter "$pool/web")
guest_wish "$pool/web" P
virsh start web
guest_says web "disk 0: $((count + 1))"
virsh managedsave web
workers_done
leads web volumes/web-dirty.img
lab_domain other "$pool/web" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
refused "'web' & saved" "$pool" virsh start other
virsh start web
expect "running" virsh domstate web
leads web volumes/web-dirty.img
virsh destroy web
workers_done
leads web volumes/web.img
expect_exactly $((count + 1)) counter "$pool/web"
sed "s|<target dev='hda'|<readonly/>&|; s|bus='ide'|bus='virtio'|; s|'hda'|'vda'|" "$LAB/other.xml" >"$LAB/reader.xml"
virsh undefine other
virsh define "$LAB/reader.xml"
virsh start other --paused
leads web volumes/web-dirty.img
virsh destroy other
workers_done
leads web volumes/web.img
virsh undefine other
guest_wish "$pool/web" -
ok "a saved domain keeps the path, and who only reads it gives it back"

count=$(counter "$pool/web")
# --- other kinds

create_volume qubes dir 1048576
virsh vol-delete dir qubes
[ ! -L "$pool/dir" ]
create_snapshot qubes snap "$pool/web"
[ ! -L "$pool/snap" ]
expect_exactly "$pool/snap" virsh vol-path snap qubes
guest_domain snap snap
guest_run snap
[ ! -L "$pool/snap" ]
expect_exactly "$count" counter "$pool/web"
virsh undefine snap
virsh vol-delete snap qubes
ok "a snapshot has no path at rest, and runs by it"

virsh vol-clone web appvms/web --pool qubes
expect_exactly "$pool/appvms/web-dirty.img" virsh vol-path appvms/web qubes
virsh vol-delete appvms/web qubes
cp --sparse=always "$pool/web" "$LAB/before"
virsh vol-create-from plain <(volume_document copy 1048576) web --inputpool qubes
cmp "$LAB/before" "$LAB/plain/copy"
virsh vol-download web "$LAB/down" --pool qubes
cmp "$LAB/before" "$LAB/down"
virsh vol-clone web two --pool qubes
leads two volumes/two.img
tool rename "$pool" two three
[ ! -L "$pool/two" ]
leads three volumes/three.img
virsh pool-refresh qubes
virsh vol-upload three "$LAB/before" --pool qubes
leads three volumes/three.img
virsh vol-resize three 2M --pool qubes
leads three volumes/three.img
expect "$pool/three" tool start "$pool" three
leads three volumes/three-dirty.img
tool stop "$pool" three
leads three volumes/three.img
ok "clones, uploads, renaming, starts by hand: the link follows"

# --- a snapshot of a domain that is off

count=$(counter "$pool/web")
sum=$(cksum <"$pool/web")
virsh dumpxml web --inactive >"$LAB/older.xml"
# Of somebody else, who would get what web writes from then on: libvirt makes an overlay of an empty file.
virsh vol-create-as qubes web.monday 0
[ ! -L "$pool/web.monday" ]
virsh snapshot-create-as web monday --disk-only
[ -f "$pool/web.monday" ] && [ ! -L "$pool/web.monday" ]
expect_exactly 0 stat -c %s "$(image web.monday)"
virsh vol-delete web.monday qubes
expect "$pool/web.monday" virsh domblklist web
leads web volumes/web.img
expect "backing file: $pool/web" qemu-img info "$pool/web.monday"
lab_domain other "$pool/web" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
words="'web' & external snapshot & 'web'"
refused "$words" "$pool" virsh start other
refused "$words" "$pool" virsh create "$LAB/older.xml"
refused "$words" "$pool" virsh vol-upload web "$LAB/before" --pool qubes
refused "$words" "$pool" virsh vol-resize web 2M --pool qubes
refused "$words" "$pool" virsh vol-delete web qubes
refused "$words" "$pool" virsh vol-create-from qubes <(volume_document web@current 1048576) boot --inputpool plain
# Without the option nobody would look for it any more.
virsh pool-dumpxml qubes --inactive >"$LAB/links.xml"
grep -v reflink:paths "$LAB/links.xml" >"$LAB/no-links.xml"
virsh pool-define "$LAB/no-links.xml"
virsh pool-destroy qubes
refused "another path & $words" "$pool" virsh pool-start qubes
lab_restart_libvirtd
refused "$words" "$pool" virsh start other
leads web volumes/web.img
virsh pool-define "$LAB/links.xml"
virsh pool-destroy qubes
virsh pool-start qubes
refused "$words" "$pool" tool rename "$pool" web four
refused "$words" "$pool" tool start "$pool" web
expect_exactly "$sum" cksum <"$pool/web"
ok "a snapshot of a domain that is off lies on the path, and until it starts nothing replaces what is below"

guest_run web
workers_done
leads web volumes/web-dirty.img
expect_exactly "$count" counter "$(image web -dirty.img)"
qemu-img convert -U -O raw "$pool/web.monday" "$LAB/whole"
expect_exactly $((count + 1)) counter "$LAB/whole"
guest_run web
workers_done
qemu-img convert -U -O raw "$pool/web.monday" "$LAB/whole"
expect_exactly $((count + 2)) counter "$LAB/whole"
refused "'web' & external snapshot & 'web'" "$pool" virsh start other
refused "'web' & external snapshot & 'web'" "$pool" virsh vol-delete web qubes
ok "its starts have a dirty image below the overlay, which stays"

virsh start web --paused
virsh blockcommit web hda --active --pivot --wait >/dev/null
expect "$pool/web" virsh domblklist web
leads web volumes/web-dirty.img
virsh destroy web
workers_done
leads web volumes/web.img
expect_exactly $((count + 2)) counter "$pool/web"
virsh snapshot-delete web monday --metadata
rm "$pool/web.monday"
virsh undefine other
ok "merged, it is committed, and the path leads to that"

# An overlay of any name elsewhere; and an administrator who gives it up, and commits what is below it.
count=$(counter "$pool/web")
virsh snapshot-create-as web tuesday --disk-only --diskspec hda,file="$LAB/over.qcow2"
virsh define "$LAB/other.xml"
refused "'web' & external snapshot & 'web'" "$pool" virsh start other
refused "'web' & external snapshot & 'web'" "$pool" virsh vol-delete web qubes
guest_run web
workers_done
leads web volumes/web-dirty.img
tool continue "$pool" web
guest_run other
workers_done
leads web volumes/web.img
expect_exactly $((count + 1)) counter "$pool/web"
revision=$(find "$pool/volumes" -name 'web.img.*@*' | sort -V | tail -n 1)
fails_with "'web' & another state & $revision" virsh start web
expect_exactly "$count" counter "$revision"
leads web volumes/web.img
virsh undefine other
virsh snapshot-delete web tuesday --metadata
virsh undefine web
guest_domain web web
guest_run web
ok "an overlay elsewhere is found by the record of its snapshot; on another state its domain does not start"

# --- a snapshot of a domain that runs lies on its dirty image, which a backup may have left out

count=$(counter "$pool/web")
virsh start web --paused
virsh snapshot-create-as web wednesday --disk-only --no-metadata
expect "$pool/web.wednesday" virsh domblklist web
virsh destroy web
workers_done
mkdir "$dir/aside"
mv "$(image web -dirty.img)" "$dir/aside/"
virsh pool-refresh qubes
leads web volumes/web.img
refused "'web' & overlay & web.wednesday & is gone" "$pool/volumes" virsh start web
setfattr -x trusted.libvirt-reflink.on "$pool/web.wednesday" # as in a copy without attributes
qemu-io -f qcow2 -c 'write -q -P 7 4096 512' "$pool/web.wednesday"
refused "'web' & no dirty image & setfattr -n trusted.libvirt-reflink.on" "$pool/volumes" virsh start web
leads web volumes/web.img
mv "$dir/aside/web-dirty.img" "$pool/volumes/"
virsh start web --paused
virsh blockcommit web hda --active --pivot --wait >/dev/null
virsh destroy web
workers_done
rm "$pool/web.wednesday"
leads web volumes/web.img
expect "1799" od -An -t u2 -j 4096 -N 2 "$pool/web"
expect_exactly "$count" counter "$pool/web"
ok "where that is lost no other one is made in its place"

# --- a disk that a running domain is given

virsh vol-create-as qubes data 1M
virsh start web --paused
virsh attach-disk web "$pool/data" vdb --live --subdriver raw
leads data volumes/data.img
lab_domain other "$pool/data" >"$LAB/other.xml"
virsh define "$LAB/other.xml"
words="'data' & open for writing"
refused "$words" "$pool" virsh start other
refused "$words" "$pool" virsh vol-delete data qubes
refused "$words" "$pool" tool start "$pool" data
refused "$words" "$pool" virsh vol-upload data "$LAB/before" --pool qubes
virsh pool-refresh qubes
lab_restart_libvirtd
expect "paused" virsh domstate web
leads data volumes/data.img
virsh destroy web
workers_done
leads data volumes/data.img
[ ! -e "$(image data -dirty.img)" ]
virsh start other --paused
leads data volumes/data-dirty.img
virsh destroy other
workers_done
virsh undefine other
virsh start web --paused
virsh attach-disk web "$pool/data" vdb --live --subdriver raw
virsh managedsave web
workers_done
before=$(listing "$pool/volumes")
fails_with "'data' & saved memory" virsh start web
same_listing "$pool/volumes" "$before"
virsh managedsave-remove web
guest_run web
virsh start web --paused
expect "$pool/data" tool attach "$pool" data web vdb
expect "'$pool/data'" virsh dumpxml web
leads data volumes/data-dirty.img
lab_restart_libvirtd
virsh destroy web
workers_done
leads data volumes/data.img
# Who only reads has what was there to the end, and nobody has to wait for him.
virsh start web --paused
virsh attach-disk web "$pool/data" vdb --live --subdriver raw --mode readonly
virsh define "$LAB/other.xml"
virsh start other --paused
leads data volumes/data-dirty.img
virsh destroy web
workers_done
leads data volumes/data-dirty.img
expect "paused" virsh domstate other
virsh destroy other
workers_done
leads data volumes/data.img
virsh undefine other
ok "a disk that is plugged in by the path of a volume at rest is that domain's while it has it, and edited in place"

# becomes TEXT: the volume is committed with that.
becomes()
{
    tool start "$pool" data
    echo "$1" | dd of="$pool/data" bs=512 conv=notrunc status=none
    tool stop "$pool" data
}

# reads [COMMAND...]: a running domain is given the volume at rest to read, COMMAND is run, and it is saved.
reads()
{
    virsh start web --paused
    virsh attach-disk web "$pool/data" vdb --live --config --subdriver raw --mode readonly
    "$@"
    virsh save web "$LAB/save"
    workers_done
    virsh detach-disk web vdb --config
    virsh save-image-dumpxml "$LAB/save" >"$LAB/saved.xml"
    ! emulators_write_saves || virsh define "$LAB/saved.xml"
}

# has_read FILE: so the saved domain has; it is restored.
has_read()
{
    sed "s|'$pool/data'|'$1'|" "$LAB/saved.xml" >"$LAB/edited.xml"
    virsh save-image-define "$LAB/save" "$LAB/edited.xml"
    ! emulators_write_saves || virsh define "$LAB/edited.xml"
    virsh restore "$LAB/save" --paused
    virsh destroy web
    workers_done
    virsh define "$LAB/alone.xml"
}

# last_state: a copy of the newest revision, outside of pools.
last_state()
{
    cp "$(printf '%s\n' "$pool/volumes/data.img".* | sort -V | tail -n 1)" "$LAB/copy"
    echo "$LAB/copy"
}

# runs_on: another domain has run since a commit, and writes nothing more.
runs_on()
{
    becomes three
    virsh define "$LAB/other.xml"
    virsh start other --paused
}

virsh dumpxml web --inactive >"$LAB/alone.xml"
becomes one
reads
virsh restore "$LAB/save" --paused
virsh destroy web
workers_done
virsh define "$LAB/alone.xml"
reads
has_read "$pool/data"
words="'data' & only reads & changed after"
reads becomes two
fails_with "$words" virsh restore "$LAB/save"
has_read "$(last_state)"
reads virsh vol-upload data "$LAB/before" --pool qubes
fails_with "$words" virsh restore "$LAB/save"
has_read "$(last_state)"
reads runs_on
virsh destroy other
workers_done
virsh undefine other
fails_with "$words" virsh restore "$LAB/save"
has_read "$(last_state)"
ok "and who is saved with one that he reads so is restored on that content alone"

ln -s "$pool/data" "$LAB/link"
lab_domain far "$LAB/link" >"$LAB/far.xml"
virsh define "$LAB/far.xml"
virsh define "$LAB/other.xml"
virsh snapshot-create-as far monday --disk-only
words="'data' & external snapshot & 'far'"
refused "$words" "$pool" virsh start other
refused "$words" "$pool" virsh vol-resize data 2M --pool qubes
refused "$words" "$pool" virsh vol-delete data qubes
virsh undefine far --snapshots-metadata
# A disk that is plugged in by it, and has an overlay that no record knows.
virsh start web --paused
virsh attach-disk web "$LAB/link" vdb --live --subdriver raw
virsh snapshot-create-as web bk --disk-only --no-metadata --diskspec hda,snapshot=no --diskspec "vdb,file=$LAB/data.bk"
refused "'data' & external snapshot & 'web'" "$pool" virsh start other
sed "s|<target dev='hda'|<readonly/>&|; s|bus='ide'|bus='virtio'|; s|'hda'|'vda'|; s|<name>other|<name>reader|" "$LAB/other.xml" >"$LAB/reader.xml"
virsh define "$LAB/reader.xml"
refused "'data' & external snapshot & 'web'" "$pool" virsh start reader
virsh undefine reader
# Nor does who has an overlay of his own on it, as long as that one is to be merged.
qemu-img create -q -f qcow2 -b "$pool/data" -F raw "$LAB/clone.qcow2" 1M
lab_domain clone "$LAB/clone.qcow2" | sed "s|type='raw'/>|type='qcow2'/>|; s|<source file=.*|&<backingStore type='file'>\
    <format type='raw'/><source file='$pool/data'/><backingStore/></backingStore>|" >"$LAB/clone.xml"
virsh define "$LAB/clone.xml"
refused "'data' & external snapshot & 'web'" "$pool" virsh start clone
leads data volumes/data.img
virsh undefine clone
virsh blockcommit web vdb --active --pivot --wait >/dev/null
virsh destroy web
workers_done
virsh start other --paused
virsh destroy other
workers_done
virsh undefine other
virsh vol-delete data qubes
ok "so is an overlay of who names the path by a link elsewhere"

done_testing
