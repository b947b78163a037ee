#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SUITE=bookworm tests/packages/debian.sh: the packages are built in a fresh system of that suite, and lead a whole
# life in another: installed under a running daemon with a running domain, a pool, a domain with a volume of it;
# removed, purged. Then the module that builds itself, where there is a compiler. PACKAGES=DIRECTORY: these are tested, none are built. A system takes a minute to fetch, and is kept for a day.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/guest.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
. "$SOURCE_DIR/tests/packages/roots.sh"
. "$SOURCE_DIR/tests/packages/machine.sh"
SUITE=${SUITE:-bookworm}

requires_filesystem xfs
[ -e "$BOOT_IMAGE" ] || skip "needs the guest's image $BOOT_IMAGE: build first"
if [ -z "${LAB_ENTERED:-}" ]; then
    requires_root
    need_roots "$SUITE" run build
fi
lab_enter "$0"

pool=/var/lib/libvirt/reflink/pool
volume_file=$pool/volumes/disk

# All files but those that apt, dpkg and the daemons write at work.
files_of_machine()
{
    (cd "$machine" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/log -o \
        -path ./var/cache -o -path ./packages -o -path ./var/lib/libvirt -o -path ./tmp \) -prune -o \
        ! -name '*-' ! -name ld.so.cache -print | LC_ALL=C sort)
}

story_install()
{
    machine_start_daemons
    files_of_machine >"$LAB/files"
    install -m 666 "$BOOT_IMAGE" "$machine/var/lib/libvirt/images/plain.img"
    guest_wish "$machine/var/lib/libvirt/images/plain.img" P
    machine_domain plain "type='file'><source file='/var/lib/libvirt/images/plain.img'/>"
    virsh start plain >/dev/null
    : >"$restarts"
    expect "libvirt-reflink-module" \
        apt install "/packages/libvirt-reflink_*.deb /packages/strict/*.deb"
    expect_exactly "libvirtd.service" cat "$restarts"
    machine_restart_daemon
    expect running virsh domstate plain
    ok "$SUITE: installed under a running daemon, which is to be restarted once; a domain goes on"
    machine_destroy plain
    [ ! -e "$machine/etc/apparmor.d/usr.sbin.libvirtd" ] ||
        in_machine apparmor_parser --skip-kernel-load --skip-cache /etc/apparmor.d/usr.sbin.libvirtd ||
        die "the AppArmor profile of libvirtd is not valid any more"
    grep -q lease <(in_machine apparmor_parser --preprocess /etc/apparmor.d/usr.sbin.libvirtd) ||
        die "the AppArmor profile of libvirtd does not have our rules"
    ok "the profile of libvirtd is valid, and has our rules"
}

story_domain()
{
    pool_document pool "$pool" >"$machine/tmp/pool.xml"
    virsh pool-define /tmp/pool.xml
    virsh pool-build pool
    virsh pool-start pool
    expect "reflink:options" virsh pool-dumpxml pool
    virsh vol-create-as pool disk 1M
    cp "$BOOT_IMAGE" "$machine/tmp/boot.img"
    virsh vol-upload disk /tmp/boot.img --pool pool
    machine_domain demo "type='volume'><source pool='pool' volume='disk'/>"
    guest_run demo
    guest_run demo
    [ "$(counter "$machine$volume_file.img")" = 2 ] || die "the disk counts $(counter "$machine$volume_file.img") runs"
    expect "disk@" virsh vol-list pool
    said=$(in_machine virt-reflink doctor) || die "the doctor complains: $said"
    ok "a domain with a volume of a pool runs, and its ends are committed"
}

story_refused_removal()
{
    guest_wish "$machine$volume_file.img" P
    virsh start demo >/dev/null
    apt_fails "$pool: disk" remove libvirt-reflink-module
    apt_fails "domains run on its volumes" remove libvirt-reflink
    expect "install ok installed" in_machine dpkg-query -W -f '${Status}' libvirt-reflink
    machine_destroy demo
    [ "$(counter "$machine$volume_file.img")" = 3 ] || die "the last run is not committed"
    ok "what is in use is not removed, and goes on working"
}

story_removal()
{
    : >"$restarts"
    virsh pool-destroy pool
    virsh pool-undefine pool
    in_machine rm /tmp/pool.xml
    apt remove libvirt-reflink libvirt-reflink-module >/dev/null
    expect_exactly "libvirtd.service" cat "$restarts"
    [ -z "$(find "$machine/etc/libvirt/hooks" -name '*reflink*')" ] || die "a removed package leaves its hooks"
    machine_restart_daemon
    virsh undefine demo
    virsh undefine plain
    apt purge libvirt-reflink libvirt-reflink-module >/dev/null
    machine_stop_daemons
    diff "$LAB/files" <(files_of_machine) || die "a purged package leaves files, or took others"
    [ ! -e "$machine/run/libvirt-reflink" ] || die "a purged package leaves /run/libvirt-reflink"
    [ "$(counter "$machine$volume_file.img")" = 3 ] || die "the pool is not as it was"
    ok "removed and purged, nothing is left but the pool"
}

# built: another module is there than before.
built()
{
    [ -e "$module" ] && [ "$(stat -c %i "$module")" != "$module_before" ] && module_before=$(stat -c %i "$module")
}

# The packages of libvirt were replaced: as far as anybody can see.
replace_libvirt()
{
    touch -d "$1" "$(realpath "$(echo "$machine"/usr/lib/*/libvirt.so.0)")"
}

story_self_building()
{
    module_before=
    machine_open "$SUITE" build
    machine_start_daemons
    apt install "/packages/*.deb" >/dev/null
    module=$(echo "$machine"/usr/lib/*/libvirt-reflink/[0-9]*/reflink.so)
    built || die "installing builds no module: $(cat "$machine/var/lib/libvirt-reflink/build.log")"
    machine_restart_daemon
    pool_document pool "$pool" >"$machine/tmp/pool.xml"
    virsh pool-define /tmp/pool.xml
    virsh pool-build pool
    virsh pool-start pool
    virsh vol-create-as pool disk 1M
    expect "disk" virsh vol-list pool
    ok "a module is built at installation, and loads"

    replace_libvirt yesterday
    in_machine /usr/libexec/libvirt-reflink/build-module
    built || die "the start of the daemon builds no module for another libvirt"
    in_machine /usr/libexec/libvirt-reflink/build-module
    ! built || die "a module is built where nothing changed"
    grep -q ExecStartPre=-/usr/bin/timeout "$machine"/usr/lib/systemd/system/libvirtd.service.d/*.conf ||
        die "the daemon's unit does not build the module"
    ok "and once for another libvirt, when the daemon starts"

    : >"$restarts"
    replace_libvirt "2 days ago"
    in_machine sh -c 'dpkg-trigger --by-package=libvirt0 /usr/lib/*/libvirt.so.0; dpkg --configure --pending' >/dev/null
    built || die "dpkg's trigger builds no module for another libvirt"
    expect_exactly "libvirtd.service" cat "$restarts"
    ok "and by dpkg's trigger, which restarts the daemon"

    replace_libvirt "3 days ago"
    mount --bind /dev/null "$machine/usr/bin/cmake"
    expect "cannot be built" in_machine /usr/libexec/libvirt-reflink/build-module
    umount "$machine/usr/bin/cmake"
    ! built || die "something was built without a compiler"
    ok "where it cannot be built, the daemon starts all the same"

    apt purge "libvirt-reflink*" >/dev/null
    [ -z "$(find "$machine"/usr/lib/*/libvirt-reflink "$machine/usr/src/libvirt-reflink" \
        "$machine/var/lib/libvirt-reflink" 2>/dev/null)" ] || die "a purged package leaves what it built"
    machine_stop_daemons
    ok "purged, nothing is left of it"
}

if [ -n "${PACKAGES:-}" ]; then
    mkdir "$LAB/packages"
    cp -r "$PACKAGES"/. "$LAB/packages"
else
    build_packages_of "$SUITE"
    ok "$SUITE: packages are built, and lintian has nothing to say"
fi
machine_open "$SUITE" run
story_install
story_domain
story_refused_removal
story_removal
story_self_building
done_testing
