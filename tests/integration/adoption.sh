#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A tree as Qubes OS's file-reflink driver leaves it becomes a pool as it is: nothing in it is
# renamed or removed by build, start and refresh, and it works from there on.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool

# --- the tree

# image NAME WORD DATE: an image of a MiB that begins with the word.
image()
{
    mkdir -p "$(dirname "$pool/$1")"
    echo "$2" >"$pool/$1"
    truncate -s 1M "$pool/$1"
    touch -d "$3" "$pool/$1"
}

# word NAME: what the volume or revision begins with.
word()
{
    virsh vol-download "$1" "$LAB/word" --pool qubes --length 4096
    head -n 1 "$LAB/word"
}

# A template with its history, from all the times of the driver.
image vm-templates/fedora/root.img now 2019-05-06T07:08:09Z
image "vm-templates/fedora/root.img@2018-01-02T03:04:05Z" oldest 2018-01-02T03:04:05Z
image "vm-templates/fedora/root.img.3@2018-02-02T03:04:05Z" third 2018-02-02T03:04:05Z
image "vm-templates/fedora/root.img.12@2018-03-02T03:04:05Z" twelfth 2018-03-02T03:04:05Z
image vm-templates/fedora/root-precache.img now 2019-05-06T07:08:09Z
image vm-templates/fedora/private.img private 2019-01-01
image vm-templates/fedora/volatile.img volatile 2019-01-01
# A qube that was running when the machine crashed.
image appvms/work/private.img before 2019-01-01
image appvms/work/private-dirty.img after 2019-01-02
image "appvms/work/private.img.1@2018-12-01T00:00:00Z" earlier 2018-12-01T00:00:00Z
# Its root, of which only the dirty image is kept, and the volatile that it was made of.
image appvms/work/root-dirty.img lost 2019-01-02
image appvms/work/volatile-dirty.img lost 2019-01-02
# Leftovers.
image appvms/old/private.img old 2017-01-01
image appvms/old/private-import.img half 2017-01-02
image "appvms/old/private.img~3kq9x_2z" temp 2017-01-02
image "appvms/old/private-dirty.img~abcd1234" temp 2017-01-02
image "appvms/old/private-import.img~xyz" temp 2017-01-02
# Only revisions are left of this one.
image "appvms/gone/private.img.2@2018-12-01T00:00:00Z" ghost 2018-12-01T00:00:00Z
# A clone whose image was a hard link, made by hand.
mkdir "$pool/appvms/twin"
ln "$pool/appvms/old/private.img" "$pool/appvms/twin/private.img"
echo "5.15" >"$pool/vm-templates/fedora/kernel-version"
mkdir "$pool/vm-templates/fedora/apps"

# --- adoption

before=$(listing "$pool")
names=$(cd "$pool" && find . | LC_ALL=C sort)
define_pool qubes "$pool" "<reflink:revisions keep='2'/>"
virsh pool-build qubes
virsh pool-start qubes
virsh pool-refresh qubes
lab_restart_libvirtd
mv "$pool/.reflink-pool.xml" "$LAB/marker"
same_listing "$pool" "$before"
expect_exactly "$names" bash -c "cd '$pool' && find . | LC_ALL=C sort"
mv "$LAB/marker" "$pool/.reflink-pool.xml"
ok "build, start, refresh and a daemon's start leave every file as it was"

expect_exactly "appvms/gone/private@2
appvms/old/private
appvms/twin/private
appvms/work/private
appvms/work/private@1
appvms/work/root
appvms/work/volatile
vm-templates/fedora/private
vm-templates/fedora/root
vm-templates/fedora/root@12
vm-templates/fedora/root@2018-01-02T03:04:05Z
vm-templates/fedora/root@3
vm-templates/fedora/volatile" volumes qubes
ok "volumes and revisions are the driver's, dirty images without a clean one among them"

expect_exactly now word vm-templates/fedora/root
expect_exactly oldest word "vm-templates/fedora/root@2018-01-02T03:04:05Z"
expect_exactly third word vm-templates/fedora/root@3
expect_exactly twelfth word vm-templates/fedora/root@12
expect_exactly before word appvms/work/private
expect_exactly earlier word appvms/work/private@1
expect_exactly ghost word appvms/gone/private@2
expect "<path>$pool/appvms/work/private.img</path>" virsh vol-dumpxml appvms/work/private qubes
expect_not backingStore virsh vol-dumpxml appvms/work/root qubes
expect_not backingStore virsh vol-dumpxml vm-templates/fedora/root qubes
expect "<mtime>1514862245</mtime>" \
    virsh vol-dumpxml "vm-templates/fedora/root@2018-01-02T03:04:05Z" qubes
ok "each has its own bytes, and the one that ran shows that it is dirty"

refused "appvms/work/root' & no clean" "$pool" \
    virsh vol-download appvms/work/root "$LAB/word" --pool qubes
refused "appvms/work/private & dirty image|left" "$pool" \
    virsh vol-clone appvms/work/private@1 appvms/work/private@current --pool qubes
ok "what a crash left is neither read nor replaced until somebody decides"

# --- work

oldest="vm-templates/fedora/root@2018-01-02T03:04:05Z"
virsh vol-clone "$oldest" vm-templates/copy/root --pool qubes
expect_exactly oldest word vm-templates/copy/root
virsh vol-clone vm-templates/fedora/root@3 vm-templates/fedora/root@current --pool qubes
expect_exactly third word vm-templates/fedora/root
expect_exactly now word vm-templates/fedora/root@13
[ -e "$pool/vm-templates/fedora/root.img.13@2019-05-06T07:08:09Z" ]
virsh vol-clone "$oldest" vm-templates/fedora/root@current --pool qubes
expect_exactly oldest word vm-templates/fedora/root
expect_exactly third word vm-templates/fedora/root@14
for number in 3 12 13 14; do
    expect "root@$number" volumes qubes
done
ok "its revisions are cloned from and reverted to, and numbers go on from the highest"

refused "named & vm-templates/fedora/root@2018-01-02T03:04:05Z" "$pool" \
    virsh vol-delete vm-templates/fedora/root qubes
virsh vol-delete "$oldest" qubes
[ ! -e "$pool/vm-templates/fedora/root.img@2018-01-02T03:04:05Z" ]
virsh vol-delete vm-templates/fedora/root qubes
expect_exactly "apps
kernel-version
private.img
volatile.img" ls "$pool/vm-templates/fedora"
ok "a deleted volume takes its files along, and only those"

virsh vol-resize appvms/twin/private 2M --pool qubes
expect_exactly old word appvms/old/private
[ "$(stat -c '%s %h' "$pool/appvms/old/private.img")" = "1048576 1" ]
virsh vol-delete appvms/gone/private@2 qubes
[ ! -e "$pool/appvms/gone" ]
ok "images that two volumes shared part ways at the first change"

# --- what a crash left that looks like something else

# A template, and an AppVM's root that ran on it: the driver's hard link beside the dirty image.
image vm-templates/crashed/root.img template 2019-01-01
image appvms/crashed/root-dirty.img junk 2019-01-02
ln "$pool/vm-templates/crashed/root.img" "$pool/appvms/crashed/root.img"
virsh pool-refresh qubes
tool start "$pool" vm-templates/crashed/root >/dev/null
tool stop "$pool" vm-templates/crashed/root >/dev/null
for command in start stop continue; do
    refused "'vm-templates/crashed/root'" "$pool" tool $command "$pool" appvms/crashed/root
done
tool discard "$pool" appvms/crashed/root >/dev/null
expect "snapshot" tool info "$pool" appvms/crashed/root
tool start "$pool" appvms/crashed/root >/dev/null
expect_exactly template head -n 1 "$pool/appvms/crashed/root-dirty.img"
tool stop "$pool" appvms/crashed/root >/dev/null
ok "a snapshot that ran stops neither its template, nor is it committed: a person makes it one of ours"

refused "no attributes of the pool" "$pool" tool start "$pool" appvms/work/private
refused "no attributes of the pool" "$pool" tool stop "$pool" appvms/work/private
tool continue "$pool" appvms/work/private >/dev/null
tool start "$pool" appvms/work/private >/dev/null
tool stop "$pool" appvms/work/private >/dev/null
virsh vol-info appvms/work/private qubes >/dev/null # makes the list of its revisions true
expect_exactly after word appvms/work/private
expect_exactly before word appvms/work/private@2
ok "a persistent one that ran goes on when a person has said so"

done_testing
