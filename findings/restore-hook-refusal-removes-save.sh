#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# libvirt 11.3.0: a qemu hook that refuses to let a managed save be restored (operation "restore", exit status 1) costs the
# saved memory. The daemon logs the hook's failure; but the start succeeds for the client, the domain is shut off, and
# the save file is gone. A hook that refuses "prepare", which follows, does no harm: the start fails, the file stays.
# In libvirt 9.0.0, 12.8.0 and 12.9.0 both fail, and the file stays.
#
# So a hook must not refuse "restore" there: it has to wait for "prepare".
#
# Run it as root, on Debian 12 or newer with mmdebstrap. It makes a system of the packages below in a temporary folder,
# and runs its daemon and a guest without a disk in namespaces of their own.
set -eu
suite=trixie libvirt=11.3.0-3+deb13u3
if [ -z "${IN_NAMESPACE:-}" ]; then
    export IN_NAMESPACE=1
    exec unshare --mount --pid --fork --kill-child --propagation private -- bash "$0"
fi
work=$(mktemp -d)
# Its own PIDs alone are killed.
trap 'kill -KILL -1 2>/dev/null || true; umount -R -l "$work/root" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT
archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
packages=libvirt-daemon-driver-qemu=$libvirt,libvirt-daemon=$libvirt,libvirt-clients=$libvirt,libvirt0=$libvirt
packages+=,libvirt-common=$libvirt,libvirt-l10n=$libvirt,libvirt-daemon-common=$libvirt,qemu-system-x86,qemu-utils
mmdebstrap --quiet --mode=root --variant=apt --aptopt='APT::Install-Recommends "false"' --include="$packages" "$suite" \
    "$work/root" "deb $archive $suite main" "deb $archive $suite-updates main" >"$work/log" 2>&1 || {
    tail "$work/log" >&2
    exit 1
}
root=$work/root
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs run "$root/run"
mkdir -p "$root/run/libvirt" "$root/run/lock" "$root/etc/libvirt/hooks"
printf 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nstdio_handler = "file"\ncgroup_controllers = []\n' >"$root/etc/libvirt/qemu.conf"
printf '#!/bin/sh\n! [ "$2" = "$(cat /run/refused)" ]\n' >"$root/etc/libvirt/hooks/qemu"
chmod 755 "$root/etc/libvirt/hooks/qemu"
echo none >"$root/run/refused"
in_root()
{
    chroot "$root" env -i HOME=/root LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
in_root libvirtd -d
cat >"$root/run/vm.xml" <<'END'
<domain type='qemu'><name>vm</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>
END
virsh()
{
    in_root virsh -q -c qemu:///system "$@"
}
virsh define /run/vm.xml >/dev/null

# try OPERATION: what comes of a start from a managed save where the hook refuses that.
try()
{
    local seen="start succeeds"

    echo none >"$root/run/refused"
    virsh start vm >/dev/null
    virsh managedsave vm >/dev/null
    echo "$1" >"$root/run/refused"
    virsh start vm >/dev/null 2>&1 || seen="start fails"
    seen+=", $(virsh domstate vm | head -n 1)"
    if [ -e "$root/var/lib/libvirt/qemu/save/vm.save" ]; then
        seen+=", the save is there"
    else
        seen+=", the save is gone"
    fi
    virsh managedsave-remove vm >/dev/null
    echo "$seen"
}

echo "libvirt $libvirt"
at_prepare=$(try prepare)
at_restore=$(try restore)
echo "prepare refused: $at_prepare"
echo "restore refused: $at_restore"
[ "$at_prepare" = "start fails, shut off, the save is there" ]
[ "$at_restore" = "start succeeds, shut off, the save is gone" ]
