#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Other clients of libvirt's: its Python and Perl bindings, virt-install and virt-clone.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest journal states nowhere later -- python3 perl virt-install virt-clone qemu-system-x86_64
/usr/bin/python3 -c "import libvirt" 2>/dev/null || skip "needs Python's module libvirt"
perl -MSys::Virt -e 1 2>/dev/null || skip "needs Perl's module Sys::Virt"
export HOME=$LAB XDG_CACHE_HOME=$LAB/cache
dir=$(lab_filesystem "$FS" 1G)
pool=$dir/qubes
lab_start_libvirtd

guest_pool "$dir/qubes"
journal_begin

# --- the bindings

/usr/bin/python3 "$SOURCE_DIR/tests/integration/client.py"
expect_exactly "" volumes qubes
ok "volumes are made, written, cloned, named, reverted, resized and deleted from Python"

perl "$SOURCE_DIR/tests/integration/client.pl"
expect_exactly "" volumes qubes
nothing_left
ok "and from Perl"

# --- virt-install

# install NAME DISK: imports a guest that has booted, run and ended when this returns.
install()
{
    timeout 60 virt-install --connect qemu:///system --virt-type qemu --machine pc --memory 32 \
        --network none --graphics none --osinfo detect=off,require=off \
        --controller usb,model=none --import --noautoconsole --name "$1" --disk "$2" "${@:3}" \
        >"$LAB/said" 2>&1 || die "virt-install: $(cat "$LAB/said")"
    guest_wait "$1"
}

boot_volume web
before=$(counter "$(image web)")
install web vol=qubes/web,bus=ide
expect "$(image web -dirty.img)" virsh dumpxml web
[ "$(counter "$(image web)")" = $((before + 1)) ]
virsh vol-info web qubes >/dev/null
expect "Capacity" virsh vol-info web@1 qubes
guest_run web
[ "$(counter "$(image web)")" = $((before + 2)) ]
ok "virt-install --disk vol= has a guest on a volume, whose runs are committed"

virsh vol-clone web appvms/work --pool qubes
install work "path=$(virsh vol-path appvms/work qubes),bus=ide"
[ "$(counter "$(image appvms/work)")" = $((before + 3)) ]
ok "a volume whose name has directories is given by its path"

# The volumes without their revisions, of which workers prune some.
heads()
{
    volumes qubes | grep -v @
}

# make NAME DISK FILE: a guest that boots from a volume and has one that virt-install makes, with
# that file in the pool's directory for its path.
make()
{
    virsh vol-clone web "boot-$1" --pool qubes
    install "$1" "vol=qubes/boot-$1,bus=ide" --disk "$2,size=0.001,bus=ide"
    virsh vol-info "$1" qubes >/dev/null
    expect "'$pool/$3'" virsh dumpxml "$1"
    [ "$(counter "$(image "$1")")" = 1 ]
    guest_run "$1"
    [ "$(counter "$(image "$1")")" = 2 ]
    [ ! -L "$pool/$3" ] || die "the link $3 is left"
    [ "$(virsh vol-list qubes | grep -c "^ $1 ")" = 1 ]
}

make extra pool=qubes,format=raw extra.img
expect_not "extra.img" volumes qubes
make named "path=$pool/named,format=raw" named
make suffix "path=$pool/suffix.img,format=raw" suffix.img
expect_not "suffix.img" volumes qubes
ok "virt-install makes volumes, of the pool or of the path of its directory with the name behind"

made=$(heads)
for disk in pool=qubes,size=0.01 "path=$pool/appvms/new,size=0.01" \
    pool=qubes,size=0.01,format=raw "path=$pool/volumes/new-dirty.img,size=0.01"; do
    name=new
    [ "$disk" != pool=qubes,size=0.01,format=raw ] || name=boot-extra # whose volume is there
    fails_with "'qcow2'|inside|'boot-extra'" \
        virt-install --connect qemu:///system --virt-type qemu --memory 32 --network none \
        --graphics none --osinfo detect=off,require=off --import --noautoconsole --name "$name" \
        --disk "$disk"
    expect_not " new " virsh list --all
    expect_exactly "$made" heads
    [ "$(virsh pool-list --all --name | xargs)" = "plain qubes" ]
done
ok "what it cannot make it says, and nothing is left of it"

# --- virt-clone

virsh vol-clone web copy --pool qubes
virt-clone --connect qemu:///system --original web --name copy --preserve-data \
    --file "$(virsh vol-path copy qubes)" >"$LAB/said" 2>&1 || die "virt-clone: $(cat "$LAB/said")"
expect "$(image copy -dirty.img)" virsh dumpxml copy
expect_not "$(image web -dirty.img)" virsh dumpxml copy
guest_run copy
[ "$(counter "$(image copy)")" = $((before + 3)) ]
[ "$(counter "$(image web)")" = $((before + 2)) ]
ok "virt-clone takes a clone that vol-clone made, and it runs on its own"

# clone ORIGINAL NAME OPTION...: virt-clone makes the volumes.
clone()
{
    virt-clone --connect qemu:///system --original "$1" --name "$2" "${@:3}" >"$LAB/said" 2>&1 ||
        die "virt-clone: $(cat "$LAB/said")"
}

# A clone's runs are its own, and its short path leads to its volume while it runs.
# short_path_works NAME FILE
short_path_works()
{
    local runs
    expect "'$pool/$2'" virsh dumpxml "$1"
    expect "$pool/volumes/$1-dirty.img" virsh vol-dumpxml "$1" qubes
    runs=$(counter "$(image "$1")")
    [ ! -e "$pool/$2" ] && [ ! -L "$pool/$2" ]
    guest_run "$1"
    [ "$(counter "$(image "$1")")" = $((runs + 1)) ]
    [ ! -L "$pool/$2" ] || die "the link $2 is left"
}

clone web first --file "$pool/first"
short_path_works first first
clone web second --file "$pool/second.img"
short_path_works second second.img
[ "$(counter "$(image web)")" = $((before + 2)) ]
ok "virt-clone makes the copy itself, given the pool's path with a name behind"

clone first third --file "$pool/third"
short_path_works third third
ok "also of a domain that has such a path itself"

guest_wish "$(image third)" P
virsh start third
[ "$(readlink "$pool/third")" = volumes/third-dirty.img ]
fails_with "running" virsh vol-delete third qubes
virsh vol-resize third 2M --pool qubes
eventually 10 grep -q "virsh blockresize third $pool/third 2097152B" "$LAB/journal"
virsh blockresize third "$pool/third" 2097152B
fails_with "" virsh blockresize third "$(virsh vol-path third qubes)" 2097152B # why the log has the other
virsh destroy third
guest_wait third
[ ! -L "$pool/third" ] || die "the link is left"
ok "the link leads to the dirty image exactly while that is there"

fails_with "inside" virt-clone --connect qemu:///system --original web \
    --name auto --auto-clone
expect_not auto virsh list --all
expect_not auto volumes qubes
nothing_left web copy first second third
ok "with a name of its own, next to a dirty image, it cannot, and says so"

done_testing
