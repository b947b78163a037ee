#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# Other clients of libvirt's: its Python and Perl bindings, virt-install and virt-clone.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
. "$SOURCE_DIR/tests/lib/guest.sh"
. "$SOURCE_DIR/tests/lib/states.sh"
requires_command python3 perl virt-install virt-clone qemu-system-x86_64
/usr/bin/python3 -c "import libvirt" 2>/dev/null || skip "needs Python's module libvirt"
perl -MSys::Virt -e 1 2>/dev/null || skip "needs Perl's module Sys::Virt"
requires_filesystem "$FS"
lab_enter "$0" "$@"
export HOME=$LAB XDG_CACHE_HOME=$LAB/cache
dir=$(lab_filesystem "$FS" 1G)
lab_start_libvirtd

guest_pool "$dir/qubes"
pool=$dir/qubes

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

# It knows no volume but at the path of its pool with its name behind: those it would make itself are
# refused, and nothing is left of them.
made=$(heads)
for disk in pool=qubes,size=0.01 pool=qubes,size=0.01,format=raw \
    "path=$pool/appvms/new,size=0.01" "path=$pool/volumes/new-dirty.img,size=0.01"; do
    fails_with "none of format 'qcow2'|invalid volume name 'new.img'|lies inside the reflink pool" \
        virt-install --connect qemu:///system --virt-type qemu --memory 32 --network none \
        --graphics none --osinfo detect=off,require=off --import --noautoconsole --name new \
        --disk "$disk"
    expect_not new virsh list --all
    expect_exactly "$made" heads
    [ "$(virsh pool-list --all --name | xargs)" = "plain qubes" ]
done
ok "virt-install cannot make a volume, and says so"

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

fails_with "lies inside the reflink pool" virt-clone --connect qemu:///system --original web \
    --name auto --auto-clone
expect_not auto virsh list --all
expect_not auto volumes qubes
nothing_left web copy
ok "virt-clone cannot make one itself, and says so"

done_testing
