#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# filesystems: either xfs btrfs
# A running domain's XML becomes long: clients may hang metadata on it without end.
set -eu
. "${SOURCE_DIR:-$(dirname "$0")/../..}/tests/lib/begin.sh" pool guest kinds -- qemu-system-x86_64 python3
kinds_make "$dir"

# grow: adds two elements of 3 MB each, as large as libvirt's protocol lets them almost be.
grow()
{
    python3 - "$LAB" <<'PYTHON'
import ctypes

libvirt = ctypes.CDLL("libvirt.so.0")
libvirt.virConnectOpen.restype = libvirt.virDomainLookupByName.restype = ctypes.c_void_p
connection = ctypes.c_void_p(libvirt.virConnectOpen(b"qemu:///system"))
domain = ctypes.c_void_p(libvirt.virDomainLookupByName(connection, b"vm"))
for name in b"a", b"b":
    text = b"<m>" + b"x" * 3000000 + b"</m>"
    assert libvirt.virDomainSetMetadata(domain, 2, text, name, b"urn:" + name, 1) == 0
PYTHON
}

kinds_start_idle
grow
virsh save vm "$LAB/vm.save"
workers_done
for kind in persistent snapshot volatile direct; do
    expect_info "vm/$kind" "saved"
done
fails_with "saved" virsh start vm
virsh restore "$LAB/vm.save"
expect "running" virsh domstate vm
virsh destroy vm
workers_done
kinds_no_dirty
ok "the volumes of a domain with a long XML are saved, restored and committed as ever"

no_temporary
done_testing
