#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# Clients of a pool with <reflink:paths form='link'/>, one after the other on the same volume: each finds it by what
# the one before it wrote into the domain.
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest states later -- virt-install virt-clone qemu-system-x86_64 qemu-img filefrag
export HOME=$LAB XDG_CACHE_HOME=$LAB/cache
lab_start_libvirtd
guest_pool "$pool" "<reflink:paths form='link'/>"
boot_volume web

# install NAME OPTION...: imports a guest that has booted, run and ended when this returns.
install()
{
    timeout 60 virt-install --connect qemu:///system --virt-type qemu --machine pc --memory 32 \
        --network none --graphics none --osinfo detect=off,require=off \
        --controller usb,model=none --import --noautoconsole --name "$1" "${@:2}" \
        >"$LAB/said" 2>&1 || die "virt-install: $(cat "$LAB/said")"
    guest_wait "$1"
}

clone()
{
    virt-clone --connect qemu:///system --original "$1" --name "$2" "${@:3}" >"$LAB/said" 2>&1 ||
        die "virt-clone: $(cat "$LAB/said")"
}

# path_is NAME FILE: the domain's last disk, the volume's path, and what a look-up by it finds.
path_is()
{
    expect "'$pool/$2'" virsh dumpxml "$1"
    expect_exactly "$pool/$2" virsh vol-path "$1" qubes
    expect_exactly "$1" virsh vol-name "$pool/$2"
    expect_exactly "volumes/$1.img" readlink "$pool/$2"
}

# The links in the pool's directory.
links()
{
    find "$pool" -maxdepth 1 -type l -printf '%f\n' | sort | xargs
}

# auto_clone ORIGINAL VOLUME FILE RUNS: with the path that virt-clone chooses, as virt-manager's Clone button does: a domain on
# the volume, whose path is FILE, which begins with the blocks of the original's and counts its run.
auto_clone()
{
    clone "$1" auto --auto-clone
    expect "'$pool/$3'" virsh dumpxml auto
    expect_exactly "$pool/$3" virsh vol-path "$2" qubes
    filefrag -v "$pool/volumes/$2.img" >"$LAB/extents"
    awk '/^ *[0-9]+:/ { n++ } /^ *[0-9]+:.*shared/ { s++ } END { exit n && n == s ? 0 : 1 }' "$LAB/extents" ||
        die "not all blocks are shared: $(cat "$LAB/extents")"
    guest_run auto
    [ "$(counter "$pool/$3")" = "$4" ] || die "the clone has counted $(counter "$pool/$3") runs"
    virsh undefine auto --remove-all-storage
    expect_not " $2 " virsh vol-list qubes
}

# --- a disk of the pool that virt-install makes, and a copy of the domain that virt-clone makes

virsh vol-clone web boot --pool qubes
install vi --disk vol=qubes/boot,bus=ide --disk pool=qubes,size=0.001,format=raw,bus=ide
path_is vi vi.img
[ "$(counter "$pool/vi.img")" = 1 ]
clone vi copy --file "$pool/copy-boot" --file "$pool/copy"
path_is copy copy
guest_run copy
[ "$(counter "$pool/copy")" = 2 ]
[ "$(counter "$pool/vi.img")" = 1 ]
ok "virt-clone copies a domain whose disk virt-install has made"

clone copy third --file "$pool/third-boot.img" --file "$pool/third.img"
path_is third third.img
guest_run third
[ "$(counter "$pool/third.img")" = 3 ]
expect_exactly "volumes/third-boot.img" readlink "$pool/third-boot.img"
ok "and one that virt-clone has made, by a name with a suffix"

# --- a copy whose paths virt-clone chooses

guest_domain by-path web
auto_clone by-path web-clone web-clone 1
virsh vol-clone web web2.img --pool qubes
guest_domain suffix web2
expect "'$pool/web2.img'" virsh dumpxml suffix
auto_clone suffix web2-clone web2-clone.img 1
virsh dumpxml by-path | sed "/<uuid>/d; s/<name>by-path/<name>named/; s/<disk type='file'/<disk type='volume'/" |
    sed "s/<source file=.*/<source pool='qubes' volume='web'\/>/" >"$LAB/named.xml"
virsh define "$LAB/named.xml"
auto_clone named web-clone web-clone 1
for name in by-path suffix named; do
    virsh undefine "$name"
done
virsh vol-delete web2 qubes
ok "virt-clone --auto-clone copies domains that name their disk by either path, or by pool and volume"

expect "1048576" virsh domblkinfo third hda
virsh undefine third --remove-all-storage
virsh undefine copy --remove-all-storage
virsh undefine vi --remove-all-storage
expect_exactly web volumes qubes
expect_exactly "web" links
ok "undefine --remove-all-storage removes them all, and their links"

done_testing
