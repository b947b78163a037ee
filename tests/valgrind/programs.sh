#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# The hook, its workers, and the command under valgrind: every error counts, and every leak.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states ../valgrind/lib later -- valgrind python3
lab_start_libvirtd
reflink_pool qubes "$pool" "<reflink:revisions keep='2'/>
    <reflink:volume match='*/volatile' kind='volatile'/><reflink:volume match='db/*' kind='direct'/>"
create_volume qubes a/private 4194304
create_volume qubes a/volatile 4194304
create_volume qubes db/main 4194304
create_snapshot qubes a/root "$(virsh vol-path a/private qubes)"
run=(env "LD_PRELOAD=$BUILD_DIR/tests/openat2.so" "${memcheck[@]}" "--xml-file=$LAB/valgrind.%p.xml")

domain_document()
{
    echo "<domain type='kvm'><name>alice</name><uuid>11111111-1111-4111-8111-111111111111</uuid><devices>"
    echo "<disk type='volume'><source pool='qubes' volume='db/main'/></disk>"
    for name in "$@"; do
        echo "<disk type='file'><source file='$pool/$name'/><target dev='vda'/></disk>"
    done
    echo "</devices></domain>"
}

# hook OPERATION SUBOPERATION [DOCUMENT]: waits for its workers as well.
hook()
{
    local status=0

    "${run[@]}" "$STAGE_DIR/libexec/libvirt-reflink/libvirt-reflink-event" alice "$1" "$2" - <"${3:-$LAB/domain.xml}" ||
        status=$?
    eventually 120 no_workers
    return $status
}

# Who keeps the images of a run open stays for as long as that goes on, and has a name of its own.
no_workers()
{
    local pid

    for pid in $(pgrep -f "libexec/libvirt-reflink/[l]ibvirt-reflink-event"); do
        grep -q -s -x reflink-witness "/proc/$pid/comm" || return 1
    done
}

command_line()
{
    "${run[@]}" "$STAGE_DIR/bin/virt-reflink" "$@" >/dev/null 2>&1
}

# ends STATE REASON JOB ASYNC: the end of the domain, with what libvirt's own status file says of it.
ends()
{
    mkdir -p /run/libvirt/qemu
    echo "<domstatus state='$1' reason='$2'><job type='$3' async='$4'/>" \
        "<domain><uuid>11111111-1111-4111-8111-111111111111</uuid></domain></domstatus>" \
        >/run/libvirt/qemu/alice.xml
    hook stopped end
    rm /run/libvirt/qemu/alice.xml
    hook release end
}

domain_document a/private-dirty.img a/root-dirty.img a/volatile-dirty.img >"$LAB/domain.xml"
domain_document a/private.img >"$LAB/refused.xml"
echo "<domain" >"$LAB/malformed.xml"

for round in 1 2; do
    hook prepare begin
    hook started begin
    echo "$round" >"$pool/a/private-dirty.img"
    truncate -s 4M "$pool/a/private-dirty.img"
    ends shutdown unknown destroy none
done
hook prepare begin
hook started begin
ends paused save none save
hook restore begin
hook prepare begin
hook prepare begin
hook release end
for document in refused malformed; do
    ! hook prepare begin "$LAB/$document.xml" 2>/dev/null || die "$document.xml was taken"
done
hook prepare end
ok "the hook started and stopped all kinds of volumes, and refused what it is to refuse"

command_line list qubes
command_line list "$pool"
command_line info qubes a/private
command_line start qubes a/private
command_line continue qubes a/private
command_line stop qubes a/private
command_line start qubes a/root
command_line info qubes a/root
command_line discard qubes a/root
command_line --help
! command_line nonsense || die "nonsense was taken"
! command_line list nonexistent || die "a pool that is not there was taken"
! command_line info qubes a//b || die "a name that is none was taken"
! command_line info qubes nonexistent || die "a volume that is not there was taken"
ok "the command did all it can do"

nothing_found --all
done_testing
