#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SUITE=bookworm tests/packages/upgrade.sh: apt replaces libvirt, and libvirt-reflink, under a running domain whose disk
# is a volume. In a fresh system with the packages, whose module builds itself: another build of the same version, the same one
# with another version, the way back, the release of the backports; libvirt first, ours first; where nothing can be
# built; the daemon running or killed. Each time the same process goes on, and its end is committed.
# PACKAGES=DIRECTORY: these are tested, none are built. UPGRADES: some of these, in this order; empty, it is
# one domain's life.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/guest.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
. "$SOURCE_DIR/tests/packages/roots.sh"
. "$SOURCE_DIR/tests/packages/machine.sh"
. "$SOURCE_DIR/tests/packages/next-libvirt.sh"
SUITE=${SUITE:-bookworm}
upgrades=${UPGRADES-other_build no_compiler killed_daemon ours_first together backport}

requires_filesystem xfs
requires_command dpkg-deb readelf python3
[ -e "$BOOT_IMAGE" ] || skip "needs the guest's image $BOOT_IMAGE: build first"
if [ -z "${LAB_ENTERED:-}" ]; then
    requires_root
    need_roots "$SUITE" build
fi
lab_enter "$0"

pool=/var/lib/libvirt/reflink/pool
volume_file=$pool/volumes/disk
runs=0

has_counted()
{
    [ "$(counter "$machine$1")" = "$2" ]
}

# starts: the domain runs, and has written to its volume.
starts()
{
    virsh start demo >/dev/null
    runs=$((runs + 1))
    eventually 60 has_counted "$volume_file-dirty.img" $runs
    process=$(cat "$machine/run/libvirt/qemu/demo.pid")
}

# goes_on: libvirt has the domain, which is the same process, and the pool has its volume.
goes_on()
{
    expect running virsh domstate demo
    expect_exactly "$process" cat "$machine/run/libvirt/qemu/demo.pid"
    kill -0 "$process" || die "its process has ended"
    expect "disk" virsh vol-list pool
    expect "$volume_file" virsh vol-path disk pool
}

# ends: the domain's end is committed.
ends()
{
    machine_destroy demo
    eventually 60 has_counted "$volume_file.img" $runs
    [ ! -e "$machine$volume_file-dirty.img" ] || die "a dirty image is left"
}

# serves: the pool is a reflink pool, by the module for the libvirt that is there.
serves()
{
    local said
    expect "<reflink:revisions keep='3'/>" virsh pool-dumpxml pool
    virsh vol-create-as pool new 1M
    virsh vol-delete new pool
    said=$(in_machine virt-reflink doctor) || die "the doctor complains: $said"
    grep -q "^OK  *libvirtd: process .* has loaded" <<<"$said" || die "the daemon has no module: $said"
}

# keeps: there is no module, and the pool is kept from changes.
keeps()
{
    expect "<reflink:revisions keep='3'/>" virsh pool-dumpxml pool
    fails_with "pool & module for libvirt" virsh vol-create-as pool new 1M
    ! in_machine virt-reflink doctor >"$LAB/said" 2>&1 || die "the doctor finds nothing"
    grep -q '^WRONG *module: ' "$LAB/said" || die "the doctor does not miss the module: $(cat "$LAB/said")"
}

# libvirt_becomes VERSION-SUFFIX
libvirt_becomes()
{
    apt install --allow-downgrades "/tmp/libvirt$1/*.deb" >"$LAB/apt.log" || die "apt fails: $(tail -n 20 "$LAB/apt.log")"
    expect "$1" echo "$(libvirt_packages)"
}

story_install()
{
    machine_open "$SUITE" build
    machine_start_daemons
    machine_obeys
    apt install "/packages/*.deb" >"$LAB/apt.log" || die "apt fails: $(tail -n 20 "$LAB/apt.log")"
    pool_document pool "$pool" "<reflink:revisions keep='3'/>" >"$machine/tmp/pool.xml"
    virsh pool-define /tmp/pool.xml
    virsh pool-build pool
    virsh pool-start pool
    virsh vol-create-as pool disk 1M
    cp "$BOOT_IMAGE" "$machine/tmp/boot.img"
    guest_wish "$machine/tmp/boot.img" P
    virsh vol-upload disk /tmp/boot.img --pool pool
    machine_domain demo "type='volume'><source pool='pool' volume='disk'/>"
    starts
    serves
    ok "$SUITE: installed, and a domain runs on a volume"
}

story_other_build()
{
    : >"$restarts"
    libvirt_becomes +1
    grep -q libvirtd.service "$restarts" || die "libvirt's packages do not restart the daemon"
    goes_on
    serves
    ends
    starts
    ok "another build of libvirt, whose scripts restart the daemon: the domain goes on, and all works"
}

story_no_compiler()
{
    mount --bind /dev/null "$machine/usr/bin/cmake"
    libvirt_becomes +2
    umount "$machine/usr/bin/cmake"
    goes_on
    keeps
    ends
    starts
    kill -KILL "$(cat "$machine/run/libvirtd.pid")"
    machine_restart_daemon
    goes_on
    serves
    ends
    starts
    ok "where no module can be built, it goes on as well; the next start of the daemon builds one"
}

story_killed_daemon()
{
    kill -KILL "$(cat "$machine/run/libvirtd.pid")"
    libvirt_becomes +3
    goes_on
    serves
    ok "packages of another version with the same build, after the daemon was killed"
}

# Ours of the next version, before libvirt.
story_ours_first()
{
    local package tree=$LAB/ours

    mkdir "$machine/tmp/ours"
    for package in "$machine"/packages/*.deb; do
        dpkg-deb --raw-extract "$package" "$tree"
        sed -i 's/^\(Version: .*\)/\1+1/; s/\((= [^)]*\))/\1+1)/g' "$tree/DEBIAN/control"
        dpkg-deb --root-owner-group -Znone --build "$tree" "$machine/tmp/ours" >/dev/null
        rm -r "$tree"
    done
    apt install "/tmp/ours/*.deb" >"$LAB/apt.log" || die "apt fails: $(tail -n 20 "$LAB/apt.log")"
    goes_on
    serves
    libvirt_becomes ""
    goes_on
    serves
    ends
    starts
    ok "ours first, then libvirt, which goes back to where it was"
}

story_together()
{
    apt install --allow-downgrades "/tmp/libvirt+1/*.deb /packages/*.deb" >"$LAB/apt.log" ||
        die "apt fails: $(tail -n 20 "$LAB/apt.log")"
    goes_on
    serves
    ok "both at once, and ours goes back"
}

story_backport()
{
    if ! libvirt_backport; then
        ok "$SUITE has no backport of libvirt # SKIP"
        return
    fi
    apt install -t "$SUITE-backports" libvirt-daemon-system libvirt-clients >"$LAB/apt.log" ||
        die "apt fails: $(tail -n 20 "$LAB/apt.log")"
    expect "libvirt0:amd64=$libvirt_backported" libvirt_packages
    goes_on
    serves
    ends
    starts
    ok "the release of the backports, $libvirt_backported"
}

story_removal()
{
    apt_fails "$pool: disk" remove libvirt-reflink
    goes_on
    serves
    ends
    virsh undefine demo
    virsh pool-destroy pool
    virsh pool-undefine pool
    apt remove libvirt-reflink libvirt-reflink-module-source >/dev/null
    apt purge libvirt-reflink libvirt-reflink-module-source >/dev/null
    [ -z "$(find "$machine"/{etc,usr,var,run} -xdev -name '*reflink*' ! -path '*/usr/share/doc/*' ! -path "*/var/lib/libvirt/reflink*" \
        ! -path '*/var/lib/apt/*' ! -path '*/var/cache/*' ! -path '*/var/log/*')" ] || die "a purged package leaves files"
    machine_stop_daemons
    ok "removed and purged"
}

if [ -n "${PACKAGES:-}" ]; then
    mkdir "$LAB/packages"
    cp -r "$PACKAGES"/. "$LAB/packages"
else
    build_packages_of "$SUITE"
fi
story_install
if [ -n "$upgrades" ]; then
    libvirt_fetch
    libvirt_make +1 a
    libvirt_make +2 b
    libvirt_make +3 b
fi
for story in $upgrades; do
    "story_$story"
done
story_removal
done_testing
