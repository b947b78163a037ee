#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: xfs btrfs
# A pool below a directory that is a symbolic link: libvirt knows it by the path with the link, the hook
# by the real one. The daemon's list is true after a domain's end all the same.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/lab.sh"
. "$SOURCE_DIR/tests/lib/pool.sh"
. "$SOURCE_DIR/tests/lib/states.sh"
requires_filesystem "$FS"
lab_enter "$0" "$@"
dir=$(lab_filesystem "$FS" 512M)
hook=/etc/libvirt/hooks/libxl.d/50-reflink
lab_start_libvirtd

# How a domain ended is asked of who calls.
cp "$(command -v bash)" "$LAB/libvirtd"
as_libvirt()
{
    "$LAB/libvirtd" -c '"$@"; exit $?' "$LAB/libvirtd" "$@"
}

lists()
{
    virsh vol-list "$1" | grep -q -F "$2"
}

# run POOL: a domain runs on its volume web and writes.
run()
{
    local path

    virsh vol-create-as "$1" web 1M
    path=$(virsh vol-path web "$1")
    cat >"$LAB/$1.xml" <<-END
	<domain type='xen'><name>$1</name><uuid>$(cat /proc/sys/kernel/random/uuid)</uuid><devices>
	<disk type='file' device='disk'><source file='$path'/><target dev='xvda'/></disk></devices></domain>
	END
    as_libvirt "$hook" "$1" prepare begin - <"$LAB/$1.xml"
    echo written | dd of="$path" conv=notrunc status=none
    as_libvirt "$hook" "$1" release end - <"$LAB/$1.xml"
    eventually 20 lists "$1" web@1
}

mkdir "$dir/real" "$dir/other"
ln -s "$dir/real" "$LAB/link"
reflink_pool direct "$dir/other/pool"
reflink_pool linked "$LAB/link/pool"
run direct
ok "libvirt knows of the revision that a domain's end made"
run linked
ok "also where a directory above the pool is a symbolic link"

done_testing
