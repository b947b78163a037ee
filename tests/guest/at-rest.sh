#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Whose images at rest are that domains only read: libvirt makes the device models' user their owner,
# and gives nothing back.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds disks own-users other=ext4 -- \
    qemu-system-x86_64 qemu-img getfattr
chmod 755 "$LAB" "$dir"
own_users
chmod 777 "$LAB" # the device model makes its console's log there

hostile=/etc/libvirt/hooks/qemu.d/40-hostile
# What a device model that its guest has taken over can do to what it reads, before our hook is
# called: COMMAND is run then, too.
be_hostile()
{
    cat >"$hostile" <<-END
	#!/bin/bash
	[ "\$2" = started ] || exit 0
	for image in "$POOL"/vm/read.img* "$POOL/vm/below.img" "$POOL/vm/direct-dirty.img"; do
	    [ "\$(stat -c %U "\$image")" != libvirt-qemu ] || chmod 0666 "\$image"
	    stat -c '%n %a %U' "\$image"
	done >"$LAB/hostile" 2>/dev/null
	{ ${1:-true}; } >>"$LAB/hostile" 2>&1 || echo "${1:-}" failed >>"$LAB/hostile"
	END
    chmod +x "$hostile"
}

# reader NAME [EXTRA]: defines the domain NAME (a digit) with all that it can read at rest: a clean
# image, a revision by its path, a named one by its name, what is below an overlay.
reader()
{
    local name=$1 overlay=$LAB/overlay$1.qcow2

    qemu-img create -q -f qcow2 -b "$POOL/vm/below.img" -F raw "$overlay"
    chmod 666 "$overlay"
    define_other_disks "$name" \
        "$(disk file "file='$POOL/vm/read.img'" "<readonly/>" cdrom)" \
        "$(disk file "file='$revision'" "<readonly/>" cdrom)" \
        "$(disk volume "pool='pool' volume='vm/read@label'" "<readonly/>" cdrom)" \
        "$(disk file "file='$overlay'" "<backingStore type='file'><format type='raw'/>\
            <source file='$POOL/vm/below.img'/><backingStore/></backingStore>" |
            sed "s/<driver\([^>]*\)type='raw'/<driver\1type='qcow2'/")"
}

# access: of what they read.
access()
{
    find "$POOL/vm" \( -name 'read.img*' -o -name 'below.img*' \) -printf '%m %U\n' | sort -u
}

has_own_access()
{
    [ "$(access)" = "$wanted" ]
}

# of_readers: the same, what is noted on it, and in /run.
of_readers()
{
    access
    find "$POOL/vm" \( -name 'read.img*' -o -name 'below.img*' \) -exec \
        getfattr --absolute-names -d -m '^(system.posix_acl|trusted.libvirt-reflink.access)' {} +
    find /run/libvirt-reflink \( -path '*/reading-*' -o -path '*/readers/*' \)
}

# was_libvirts: the images were the device model's when the guest was to run.
was_libvirts()
{
    [ "$(grep -c ' 666 libvirt-qemu$' "$LAB/hostile")" = "$1" ] || die "$(cat "$LAB/hostile")"
    ! grep -q failed "$LAB/hostile" || die "$(cat "$LAB/hostile")"
}

POOL=$dir/pool
reflink_pool pool "$POOL" "<reflink:revisions keep='2'/><reflink:volume match='*/direct*' kind='direct'/>"
for name in read below direct; do
    virsh vol-create-as pool "vm/$name" 1M
done
virsh vol-clone vm/read vm/read@label --pool pool
virsh vol-clone vm/read vm/read@current --pool pool
workers_done
revision=$(ls "$POOL"/vm/read.img.*)
chown 1000:1000 "$POOL"/vm/*.img*
chmod 600 "$POOL"/vm/*.img*
rm -f "$POOL"/vm/*-precache.img
wanted="600 1000"
expect_exactly "$wanted" of_readers
reader 1
reader 2
be_hostile "virsh -c qemu:///system vol-clone vm/read vm/read@during --pool pool"
virsh start 1 --paused
was_libvirts 4
expect_exactly "$wanted" access
be_hostile
virsh start 2 --paused
was_libvirts 4
expect_exactly "$wanted" access
virsh destroy 1
expect_exactly "$wanted" access
# Newer QEMU commits nothing into images that have not been in use since the restore.
was_in_use()
{
    virsh resume 2
    virsh suspend 2
}
virsh save 2 "$LAB/2.save"
virsh restore "$LAB/2.save" --paused
was_libvirts 4
expect_exactly "$wanted" access
was_in_use
virsh snapshot-create-as 2 --disk-only --no-metadata --diskspec "hdd,file=$LAB/above.qcow2"
virsh blockcommit 2 hdd --shallow --active --pivot --wait
virsh save 2 "$LAB/2.save"
virsh restore "$LAB/2.save" --paused
expect_exactly "$wanted" access
device_model chmod 666 "$POOL/vm/read.img" 2>/dev/null && die "it is still its owner"
# An administrator who has all layers committed: the image is the domain's disk then.
was_in_use
virsh blockcommit 2 hdd --active --pivot --wait
[ "$(stat -c %U "$POOL/vm/below.img")" = libvirt-qemu ] || die "a commit changes no owner"
device_model chmod 666 "$POOL/vm/below.img"
expect "<mode>0600</mode>" virsh vol-dumpxml vm/below pool
lab_restart_libvirtd
eventually 60 has_own_access
virsh destroy 2
expect_exactly "$wanted" of_readers
ok "what a domain only reads at rest is its owner's again before anything can be done with that"

# The image cannot become a revision while its reader starts, but after that.
be_hostile "$STAGE_DIR/bin/virt-reflink start '$POOL' vm/read &&
    echo x | dd of='$POOL/vm/read-dirty.img' conv=notrunc status=none &&
    ! $STAGE_DIR/bin/virt-reflink stop '$POOL' vm/read"
virsh start 1 --paused
was_libvirts 4
grep -q "just starting" "$LAB/hostile" || die "committed while its reader starts"
tool stop "$POOL" vm/read
expect_exactly "$wanted" access
[ "$(find "$POOL/vm" -name 'read.img.*' | wc -l)" = 2 ] || die "nothing was committed"
virsh destroy 1
expect_exactly "$wanted" of_readers
rm "$hostile"
ok "also if it becomes a revision meanwhile"

later=/etc/libvirt/hooks/qemu.d/60-later
# meanwhile WHEN COMMAND: COMMAND is run when our hook was called for "DOMAIN OPERATION".
meanwhile()
{
    cat >"$later" <<-END
	#!/bin/bash
	[ "\$1 \$2" = "$1" ] || exit 0
	{ $2; } >>"$LAB/later" 2>&1
	exit 0
	END
    chmod +x "$later"
    : >"$LAB/later"
}

before=$(ls -i "$POOL"/vm/read.img*)
meanwhile "1 start" "$STAGE_DIR/bin/virt-reflink rename $POOL vm/read vm/moved
    $STAGE_DIR/bin/virt-reflink delete --yes --with-named $POOL vm/read
    $STAGE_DIR/bin/virt-reflink delete --yes $POOL vm/read@label"
virsh start 1 --paused
rm "$later"
[ "$(grep -c "just starting" "$LAB/later")" = 3 ] || die "$(cat "$LAB/later")"
virsh destroy 1
[ "$(ls -i "$POOL"/vm/read.img*)" = "$before" ] || die "$(cat "$LAB/later")"
expect_exactly "$wanted" of_readers
ok "no name goes to another image between our hook and libvirt's change of the owner"

# A start that fails after libvirt has changed the owners.
sed -e "s|</domain>|<qemu:commandline><qemu:arg value='-no-such-option'/></qemu:commandline></domain>|" \
    -e "s|<domain |<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' |" \
    "$LAB/1.xml" >"$LAB/failing.xml"
virsh define "$LAB/failing.xml"
# libvirt says why the emulator is gone, or that it cannot reach it.
fails_with "no-such-option|monitor" virsh start 1
expect_exactly "$wanted" of_readers
ok "and if the start fails"

# The only image of a direct volume.
define_other_disks 3 "$(disk file "file='$POOL/vm/direct-dirty.img'" "<readonly/>" cdrom)"
be_hostile
virsh start 3 --paused
was_libvirts 1
expect_exactly "600 1000" stat -c '%a %u' "$POOL/vm/direct-dirty.img"
virsh destroy 3
workers_done
expect_exactly "600 1000" stat -c '%a %u' "$POOL/vm/direct.img"
rm "$hostile"
ok "a direct volume that is only read is its owner's, too, while that runs"

# The dirty image of a volume that several domains only read.
virsh vol-create-as pool vm/iso 1M
chown 1000:1000 "$POOL/vm/iso.img"
chmod 600 "$POOL/vm/iso.img"
for name in 5 6; do
    define_other_disks "$name" "$(disk file "file='$POOL/vm/iso-dirty.img'" "<readonly/>" cdrom)"
    virsh start "$name" --paused
    expect_exactly "600 1000" stat -c '%a %u' "$POOL/vm/iso-dirty.img"
done
virsh destroy 5
workers_done
expect_exactly "600 1000" stat -c '%a %u' "$POOL/vm/iso-dirty.img"
virsh destroy 6
workers_done
expect_exactly "600 1000" stat -c '%a %u' "$POOL/vm/iso.img"
ok "so is what several domains read: none can write what the others get"

# A device model writes the header of its domain's own disk, which lies outside the pool and has no
# <backingStore>. libvirt believes it at the next start.
own=$LAB/own.qcow2
# own_header FILE: the header says that FILE lies below.
own_header()
{
    rm -f "$own"
    qemu-img create -q -f qcow2 -u -b "$1" -F raw "$own" 1M
    chmod 666 "$own"
}
[ "$(stat -c %a "$LAB")" = 777 ] # whose name anyone can change

# refused_header FILE
refused_header()
{
    own_header "$1"
    fails_with "'$1' & header & <backingStore" \
        virsh start 4
    workers_done
}

define_other_disks 4 "$(disk file "file='$own'" | sed "s/type='raw'/type='qcow2'/")"
for file in read.img below.img "${revision##*/}"; do
    refused_header "$POOL/vm/$file"
done
# libvirt takes these as they are, relative to the directory of its daemon, or through what another process has.
# 11.3 looks for the first as the device models' user before it calls the hook.
relative=$(realpath --relative-to="$(readlink "/proc/$(pgrep -n -x libvirtd)/cwd")" "$POOL/vm/below.img")
own_header "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"$relative\"}}"
fails_with "'$relative' & (absolute|Permission denied)" virsh start 4
workers_done
own_header "/proc/$$/root$POOL/vm/below.img"
fails_with "'/proc/$$/root$POOL/vm/below.img' & /proc" virsh start 4
workers_done
expect_exactly "$wanted" of_readers
ok "no header says which image at rest becomes the device model's"

# What libvirt is to open later must be what was looked at: its own directory is the device models' user's.
theirs=/var/lib/libvirt/qemu/x
device_model sh -c "head -c 1048576 /dev/zero >$theirs"
own_header "$theirs"
fails_with "'$theirs' & header & <backingStore> & cannot write" virsh start 4
install -d -o 1000 -m 0775 /var/lib/libvirt/images/user
head -c 1048576 /dev/zero >/var/lib/libvirt/images/user/x
own_header /var/lib/libvirt/images/user/x
virsh start 4 --paused
virsh destroy 4
# Of a disk that nobody can replace, no user can replace what a header names: it could be a link to an image by the
# time that libvirt opens it. Of his own disk he can.
own=/var/lib/libvirt/images/own.qcow2
own_header /var/lib/libvirt/images/user/x
define_other_disks 4 "$(disk file "file='$own'" | sed "s/type='raw'/type='qcow2'/")"
fails_with "/user/x' & header & <backingStore" virsh start 4
workers_done
own=/var/lib/libvirt/images/user/own.qcow2
own_header /var/lib/libvirt/images/user/x
define_other_disks 4 "$(disk file "file='$own'" | sed "s/type='raw'/type='qcow2'/")"
virsh start 4 --paused
virsh destroy 4
stock_pool users /var/lib/libvirt/images/user
define_other_disks 4 "$(disk volume "pool='users' volume='own.qcow2'" | sed "s/type='raw'/type='qcow2'/")"
virsh start 4 --paused
virsh destroy 4
virsh pool-destroy users
virsh pool-undefine users
rm /var/lib/libvirt/images/own.qcow2
own=$LAB/own.qcow2
define_other_disks 4 "$(disk file "file='$own'" | sed "s/type='raw'/type='qcow2'/")"
ok "nor which file that a user can replace who could not replace the disk itself"

# What becomes the device model's must be no image by another name, and no part of the pool or of the host.
mkdir "$dir/backup"
ln "$POOL/vm/read.img" "$dir/backup/monday.img"
cp "$POOL/vm/read.img" "$POOL/vm/read.img~before"
: >/run/libvirt-reflink/a-note
device=$(findmnt --noheadings --output SOURCE --target "$POOL" | sed 's/\[.*//')
# refused_name FILE WORDS
refused_name()
{
    local owner

    owner=$(stat -c '%a %U' "$1")
    own_header "$1"
    fails_with "'$1' & $2 & <backingStore" virsh start 4
    workers_done
    expect_exactly "$owner" stat -c '%a %U' "$1"
}
refused_name "$dir/backup/monday.img" "another name"
# Of one that was put into the pool, and has not been used since, no attribute tells.
head -c 1048576 /dev/zero >"$POOL/vm/fresh.img"
ln "$POOL/vm/fresh.img" "$dir/backup/fresh.img"
refused_name "$dir/backup/fresh.img" "another name"
refused_name "$POOL/.reflink-pool.xml" "marker"
refused_name "$POOL/vm/read.img~before" "lies in a reflink pool"
refused_name "$device" "not a regular file"
refused_name /run/libvirt-reflink/a-note "of libvirt-reflink"
exec 8>>/var/lib/libvirt/images/user/x
refused_name /var/lib/libvirt/images/user/x "open for writing"
exec 8>&-
own_header /var/lib/libvirt/images/user/x
virsh start 4 --paused
virsh destroy 4
ok "nor an image by another name, the pool's marker, a device, or what is being written"

define_other_disks 9 "$(disk file "file='$dir/backup/monday.img'")"
fails_with "monday.img' & another name & copy" virsh start 9
define_other_disks 9 "$(disk file "file='$dir/backup/monday.img'" "<readonly/>" cdrom)"
fails_with "monday.img' & another name & copy" virsh start 9
define_other_disks 9 "$(disk file "file='$POOL/.reflink-pool.xml'" "<readonly/>" cdrom)"
fails_with "marker of reflink pool" virsh start 9
define_other_disks 9 "$(disk file "file='$dir/backup/fresh.img'" "<readonly/>" cdrom)"
fails_with "fresh.img' & another name & copy" virsh start 9
ln -s "$dir/backup/fresh.img" "$LAB/link.img"
define_other_disks 9 "$(disk file "file='$LAB/link.img'")"
fails_with "link.img' & another name & copy" virsh start 9
rm "$LAB/link.img" "$POOL/vm/fresh.img"
cp "$dir/backup/monday.img" "$dir/backup/copy.img"
ln "$dir/backup/copy.img" "$dir/backup/copy-too.img"
define_other_disks 9 "$(disk file "file='$dir/backup/copy.img'" "<readonly/>" cdrom)"
virsh start 9 --paused
virsh destroy 9
rm -r "$dir/backup" "$POOL/vm/read.img~before" /run/libvirt-reflink/a-note
expect_exactly "$wanted" of_readers
ok "nor does the domain's own XML name a hard link of an image, or the marker"

virsh vol-create-as pool vm/victim 1M
"$STAGE_DIR/bin/virt-reflink" start "$POOL" vm/victim
echo kept | dd of="$POOL/vm/victim-dirty.img" conv=notrunc status=none
age_run "$POOL/vm/victim-dirty.img"
of_victim()
{
    stat -c '%i %a %U' "$POOL/vm/victim-dirty.img"
    getfattr --absolute-names -d -m '^trusted.libvirt-reflink' "$POOL/vm/victim-dirty.img"
}
before=$(of_victim)
refused_header "$POOL/vm/victim-dirty.img"
# Nor does a snapshot's record that is not root's.
records=/var/lib/libvirt/qemu/snapshot/4
mkdir -p "$records"
cat >"$records/forged.xml" <<-END
	<domainsnapshot><name>forged</name>
	<disks><disk name='hda' type='file'><source file='$own'/></disk></disks>
	$(sed "s|$own|$POOL/vm/victim-dirty.img|" "$LAB/4.xml")</domainsnapshot>
END
chown libvirt-qemu "$records/forged.xml"
refused_header "$POOL/vm/victim-dirty.img"
rm -r "$records"
# Nor the list of a run whose end was lost: the domain was started on it before, and has it no more.
started=/run/libvirt-reflink/started-qemu-$(virsh domuuid 4)
printf 'disk\t%s\tvm/victim\n' "$POOL" >"$started"
refused_header "$POOL/vm/victim-dirty.img"
expect_exactly "$before" of_victim
ok "nor which dirty image that another domain left"

# An overlay of an administrator's on a clean image, and the volume's own runs.
virsh vol-create-as pool vm/base 1M
overlay=$LAB/overlay7.qcow2
qemu-img create -q -f qcow2 -b "$POOL/vm/base.img" -F raw "$overlay"
chmod 666 "$overlay"
# on FILE: the overlay's domain has FILE below its disk.
on()
{
    define_other_disks 7 "$(disk file "file='$overlay'" "<backingStore type='file'><format type='raw'/>\
        <source file='$1'/><backingStore/></backingStore>" | sed "s/<driver\([^>]*\)type='raw'/<driver\1type='qcow2'/")"
}

# base_commits TEXT [VOLUME]: the volume has another content.
base_commits()
{
    local volume=${2:-vm/base}
    "$STAGE_DIR/bin/virt-reflink" start "$POOL" "$volume"
    echo "$1" | dd of="$POOL/$volume-dirty.img" conv=notrunc status=none
    "$STAGE_DIR/bin/virt-reflink" stop "$POOL" "$volume"
}

# starts: the domain does, and ends.
starts()
{
    virsh start 7 --paused
    virsh destroy 7
    workers_done
}

on "$POOL/vm/base.img"
starts
base_commits two
state=$(ls "$POOL"/vm/base.img.1@*)
fails_with "another state of volume 'vm/base' & $state & <backingStore>" virsh start 7
on "$state"
starts
for text in three four five; do
    base_commits $text
done
[ -e "$state" ] || die "the overlay's base is pruned"
[ "$(find "$POOL/vm" -name 'base.img.*' | wc -l)" = 3 ] || die "no other one was pruned: $(ls "$POOL/vm")"
starts
virsh vol-clone vm/base vm/base@fixed --pool pool
on "$POOL/vm/base.img@fixed"
fails_with "another state of volume 'vm/base' & $state" virsh start 7
virsh vol-delete vm/base@fixed --pool pool
virsh vol-clone vm/base@1 vm/base@fixed --pool pool
starts
on "$state"
fails_with "another state of volume 'vm/base' & $POOL/vm/base.img@fixed" virsh start 7
# What is there when our hook is called first stays, and what comes later is looked at again.
on "$POOL/vm/base.img@fixed"
meanwhile "7 prepare" "$STAGE_DIR/bin/virt-reflink delete --yes $POOL vm/base@fixed"
starts
expect "just starting" cat "$LAB/later"
virsh vol-delete vm/base@fixed --pool pool
meanwhile "7 prepare" "virsh -c qemu:///system vol-clone vm/base vm/base@fixed --pool pool"
fails_with "another state of volume 'vm/base' & gone" virsh start 7
rm "$later"
# A named revision that is made again under its name has another state.
fails_with "another state of volume 'vm/base' & gone" virsh start 7
# Made again over the same file, which keeps its inode and attributes.
qemu-img create -q -f qcow2 -b "$POOL/vm/base.img" -F raw "$overlay"
on "$POOL/vm/base.img"
fails_with "made again & setfattr -x trusted.libvirt-reflink.on $overlay" virsh start 7
setfattr -x trusted.libvirt-reflink.on "$overlay"
starts
# Its volume gets another name, and then another state; another volume has none of it.
virsh vol-clone vm/base vm/other --pool pool
on "$POOL/vm/other.img"
fails_with "another state of volume 'vm/base' & $POOL/vm/base.img" virsh start 7
"$STAGE_DIR/bin/virt-reflink" rename "$POOL" vm/base vm/renamed
fails_with "another state of volume 'vm/other' & gone" virsh start 7
on "$POOL/vm/renamed.img"
starts
"$STAGE_DIR/bin/virt-reflink" rename "$POOL" vm/renamed vm/base
on "$POOL/vm/base.img"
base_commits "after the names"
fails_with "another state of volume 'vm/base' & $POOL/vm/base.img." virsh start 7
# Edited in place, which keeps its id; also where the domain is saved.
setfattr -x trusted.libvirt-reflink.on "$overlay"
on "$POOL/vm/other.img"
virsh start 7 --paused
virsh save 7 "$LAB/7.save"
workers_done
echo edited | dd of="$POOL/vm/other.img" conv=notrunc status=none
fails_with "'other.img' & changed in place & setfattr -x trusted.libvirt-reflink.on-date $overlay" virsh start 7
fails_with "'other.img' & changed in place" virsh restore "$LAB/7.save" --paused
# A copy of the edited one has the state of its edit.
virsh vol-clone vm/other vm/other@edited --pool pool
on "$POOL/vm/other.img@edited"
# What it was on was kept as a revision when the edit was seen.
fails_with "'other.img@edited' & another state & $POOL/vm/other.img.1@" virsh start 7
virsh pool-refresh pool
virsh vol-delete vm/other@1 --pool pool
fails_with "revision 'other.img@edited' & not certain & setfattr -x trusted.libvirt-reflink.on $overlay" virsh start 7
on "$POOL/vm/other.img"
setfattr -x trusted.libvirt-reflink.on-date "$overlay"
starts
# The state before an edit that was seen is a revision, which no pruning removes.
virsh vol-clone vm/base vm/edited --pool pool
setfattr -x trusted.libvirt-reflink.on "$overlay"
on "$POOL/vm/edited.img"
starts
eventually 20 test -e "$POOL/vm/edited-precache.img"
echo edited | dd of="$POOL/vm/edited.img" conv=notrunc status=none
for text in 1 2 3 4; do
    base_commits $text vm/edited
    workers_done
done
before=$(echo "$POOL"/vm/edited.img.1@*)
fails_with "another state of volume 'vm/edited' & $before" virsh start 7
on "$before"
starts
ok "an overlay of an administrator's own finds below it what it ran on, or does not start"

# A revision that a saved domain reads.
define_other_disks 8 "$(disk file "file='$state'" "<readonly/>" cdrom)"
virsh start 8 --paused
virsh managedsave 8
workers_done
for text in six seven eight; do
    base_commits $text
done
virsh start 8
virsh destroy 8
workers_done
# And what it reads by the name of the clean image.
define_other_disks 8 "$(disk file "file='$POOL/vm/base.img'" "<readonly/>" cdrom)"
virsh start 8 --paused
virsh save 8 "$LAB/8.save"
workers_done
id=$(getfattr --only-values -n trusted.libvirt-reflink.id "$POOL/vm/base.img" 2>/dev/null)
for text in one two three; do
    base_commits $text
done
fails_with "'vm/base' & only reads & changed after" virsh restore "$LAB/8.save" --paused
for read in "$POOL"/vm/base.img.*; do
    [ "$(getfattr --only-values -n trusted.libvirt-reflink.id "$read" 2>/dev/null)" != "$id" ] || break
done
virsh save-image-dumpxml "$LAB/8.save" | sed "s,$POOL/vm/base.img,$read," >"$LAB/edited.xml"
virsh save-image-define "$LAB/8.save" "$LAB/edited.xml"
define_other_disks 8 "$(disk file "file='$read'" "<readonly/>" cdrom)"
virsh restore "$LAB/8.save" --paused
virsh destroy 8
workers_done
ok "a revision that a saved domain reads is not pruned"

# What is not there yet when our hook is called first.
# appears IMAGE COMMAND: the domain 9 only reads IMAGE, which COMMAND makes when our hook was called.
appears()
{
    local image=$1
    cat >"$later" <<-END
	#!/bin/bash
	[ "\$1 \$2" = "9 prepare" ] || exit 0
	[ ! -e "$image" ] && $2 >>"$LAB/later" 2>&1
	END
    chmod +x "$later"
    define_other_disks 9 "$(disk file "file='$image'" "<readonly/>" cdrom)"
    virsh start 9 --paused
    rm "$later"
    expect_exactly "600 1000" stat -c '%a %u' "$image"
    virsh destroy 9
    workers_done
    expect_exactly "600 1000" stat -c '%a %u' "$image"
}

"$STAGE_DIR/bin/virt-reflink" start "$POOL" vm/direct
appears "$POOL/vm/direct.img" "$STAGE_DIR/bin/virt-reflink stop $POOL vm/direct"
appears "$POOL/vm/read.img@late" "virsh -c qemu:///system vol-clone vm/read vm/read@late --pool pool"
define_other_disks 9 "$(disk file "file='$POOL/vm/read.img@none'" "<readonly/>" cdrom |
    sed "s/<source /&startupPolicy='optional' /")"
virsh start 9 --paused
virsh destroy 9
workers_done
ok "an image that appears while a domain starts is its owner's; a disk that may be missing is let go of"

# Overlays that are plugged into a domain that runs, and stay its disks.
# plug FILE TARGET: an overlay on FILE.
plug()
{
    local overlay=$LAB/$2.qcow2
    qemu-img create -q -f qcow2 -b "$1" -F raw "$overlay"
    chmod 666 "$overlay"
    cat >"$LAB/plug.xml" <<-END
	<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$overlay'/>
	<backingStore type='file'><format type='raw'/><source file='$1'/><backingStore/></backingStore>
	<target dev='$2' bus='virtio'/></disk>
	END
    virsh attach-device 9 "$LAB/plug.xml" --live --config
}

base_commits nine
state=$(printf "%s\n" "$POOL"/vm/base.img.*@* | sort -V | tail -1)
define_other_disks 9 "$(disk volume "pool='pool' volume='vm/read'" "" disk)"
virsh start 9 --paused
plug "$state" vda
plug "$POOL/vm/base.img" vdb
virsh destroy 9
workers_done
for text in ten eleven twelve; do
    base_commits $text
done
[ -e "$state" ] || die "the plugged overlay's base is pruned"
fails_with "another state of volume 'vm/base' & $LAB/vdb.qcow2 & <backingStore>" virsh start 9
ok "so does one that was plugged in"

# --- 'virt-reflink attach --readonly'

for volume in vm/direct-read vm/plugged; do
    virsh vol-create-as pool "$volume" 1M
    printf one | dd of="$POOL/$volume.img" conv=notrunc status=none
done
define_other_disks 8 "$(disk volume "pool='pool' volume='vm/read'" "" disk)"
virsh start 8 --paused
for volume in vm/direct-read vm/plugged; do
    tool attach -q pool "$volume" 8 sda --readonly --bus scsi
    [ "$(stat -c '%a %U' "$POOL/$volume-dirty.img")" = "600 root" ] || die "its reader owns $volume"
    fails_with "Permission denied" device_model tee "$POOL/$volume-dirty.img" <<<two
    tool detach -q pool "$volume" 8
    [ "$(head -c 3 "$POOL/$volume.img")" = one ] || die "its reader wrote to $volume"
    [ "$(stat -c '%a %U' "$POOL/$volume.img")" = "600 root" ] || die "its reader owns $volume at rest"
done
virsh destroy 8
workers_done
[ -z "$(getfattr --absolute-names -n trusted.libvirt-reflink.access "$POOL/vm/direct-read.img" 2>/dev/null)" ] ||
    die "the reader has ended, and is noted"
ok "what a running domain is given to read is not its device model's any more"

# ext4 has one block for the attributes of a file. What was not noted would not be found later.
overlay=$other/full.qcow2
qemu-img create -q -f qcow2 -b "$POOL/vm/other.img" -F raw "$overlay"
chmod 666 "$overlay"
chmod 755 "$other"
for length in 1000 100 10; do
    for number in {1..40}; do
        setfattr -n "user.$length.$number" -v "$(printf "%${length}s" x)" "$overlay" 2>/dev/null || break
    done
done
on "$POOL/vm/other.img"
fails_with "$overlay & No space & Make room" virsh start 7 --paused
expect_not "running" virsh domstate 7
setfattr -x user.1000.1 "$overlay"
starts
ok "a domain does not start on an overlay on which there is no space to note what it lies on"

done_testing
