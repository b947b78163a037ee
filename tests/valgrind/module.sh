#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs
# The stock libvirtd under valgrind, with all that the module does, some times over; then it ends as an
# administrator would have it. An error, or memory that is lost, of which a stack leads through the module
# or the shim fails the test.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool states ../valgrind/lib later -- valgrind python3
export LIBVIRTD_PATIENCE=300 LIBVIRTD_FAREWELL=300
libvirtd_under=("${memcheck[@]}" --child-silent-after-fork=yes "--xml-file=$LAB/valgrind.%p.xml")
lab_start_libvirtd "LD_PRELOAD=$BUILD_DIR/tests/openat2.so"
options="<reflink:revisions keep='2'/><reflink:volume match='*/volatile' kind='volatile'/>
    <reflink:volume match='db/*' kind='direct'/>"
random_file "$LAB/state" 2M

# must_fail COMMAND...: refusals have memory of their own.
must_fail()
{
    ! "$@" >/dev/null 2>&1 || die "$* succeeded"
}

make_pool()
{
    define_pool qubes "$pool" "$options"
    must_fail define_pool qubes "$pool" "<reflink:nonsense/>"
    must_fail virsh pool-start qubes
    virsh pool-build qubes
    virsh pool-start qubes
    virsh pool-dumpxml qubes >/dev/null
    virsh pool-refresh qubes
}

make_volumes()
{
    create_volume qubes a/private 4194304
    create_volume qubes a/volatile 4194304
    create_volume qubes db/main 4194304
    create_snapshot qubes a/root "$(virsh vol-path a/private qubes)"
    virsh vol-clone a/private web --pool qubes
    must_fail create_volume qubes a/private 4194304
    must_fail create_volume qubes a//b 4194304
    must_fail create_volume qubes b 4194304 "<target><format type='qcow2'/></target>"
    must_fail create_snapshot qubes c /nonexistent
    must_fail virsh vol-clone a/private a/private@7 --pool qubes
}

use_volumes()
{
    virsh vol-upload web "$LAB/state" --pool qubes
    virsh vol-upload --sparse web "$LAB/state" --pool qubes
    virsh vol-download web "$LAB/downloaded" --pool qubes
    virsh vol-clone web web@label --pool qubes
    virsh vol-clone web@label web@current --pool qubes
    virsh vol-clone web@1 copy --pool qubes
    virsh vol-resize web 8M --pool qubes
    virsh vol-resize web 4M --shrink --pool qubes
    start_volume web
    virsh pool-refresh qubes
    virsh vol-dumpxml web --pool qubes >/dev/null
    virsh vol-resize web 6M --pool qubes
    must_fail virsh vol-delete web --pool qubes
    must_fail virsh vol-clone web@label web@current --pool qubes
    must_fail virsh vol-upload web "$LAB/state" --pool qubes
    stop_volume web
}

ask()
{
    local name

    virsh pool-refresh qubes
    virsh pool-info qubes >/dev/null
    for name in $(volumes qubes); do
        virsh vol-info "$name" --pool qubes >/dev/null
        virsh vol-dumpxml "$name" --pool qubes >/dev/null
    done
    must_fail virsh vol-wipe web --pool qubes
}

remove_all()
{
    local name

    must_fail virsh pool-delete qubes
    must_fail virsh vol-delete web --pool qubes
    virsh vol-delete web --delete-snapshots --pool qubes
    for name in a/root a/private a/volatile db/main copy; do
        virsh vol-delete "$name" --pool qubes
    done
    virsh pool-destroy qubes
    virsh pool-delete qubes
    virsh pool-undefine qubes
}

rounds=2
for ((round = 1; round <= rounds; round++)); do
    make_pool
    make_volumes
    use_volumes
    ask
    remove_all
done
# A plain pool goes through the module's functions to the stock ones; and a pool is there at the end.
stock_pool plain "$dir/plain"
virsh vol-create-as plain x 1M
make_pool
make_volumes
ok "the daemon did everything $((rounds + 1)) times"

lab_stop_libvirtd
nothing_found
done_testing
