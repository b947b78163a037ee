#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Where root may use /dev/kvm and the user that libvirt runs QEMU as may not, libvirt asks QEMU for its capabilities
# again at every "virsh define" and every start, and keeps none: each takes seconds. It lets the QEMU that it asks
# override access rights (for other devices), so that one reports KVM; then it looks whether its user may open
# /dev/kvm, finds that KVM "is not available now", and throws what it has asked for away, each time.
#
# So on a host whose udev rules have not set the group of /dev/kvm (in a container, after "rmmod kvm; modprobe kvm"
# without udev) nothing fails, and all that names a domain is slow, also with type='qemu'.
#
# Seen: 16 QEMUs for each of three definitions; none where all may use /dev/kvm.
#
# Run it as root, where KVM works, and the libraries are that libvirt-daemon and qemu-system-x86 depend on. It mounts
# and runs libvirtd in namespaces of its own, with programs of the packages below.
set -eu
packages=(libvirt-daemon=9.0.0-4+deb12u2 libvirt-daemon-driver-qemu=9.0.0-4+deb12u2 libvirt-clients=9.0.0-4+deb12u2
    libvirt0=9.0.0-4+deb12u2 qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 qemu-system-common=1:7.2+dfsg-7+deb12u18+b3
    qemu-system-data=1:7.2+dfsg-7+deb12u18)

[ -c /dev/kvm ] || { echo "needs /dev/kvm" && exit 77; }
# The outer run: packages and cleaning up.
if [ "${1-}" != inside ]; then
    work=$(mktemp -d)
    chmod 755 "$work"
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && apt-get -q -q download "${packages[@]}")
    for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
    unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc -- "$0" inside "$work"
    exit
fi

# The inner run: libvirtd with its qemu driver only, no state and no configuration but these.
cd "$2"
lib=$PWD/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$lib PATH=$PWD/root/usr/bin:$PWD/root/usr/sbin:$PATH
mkdir drivers etc etc.work
cp "$lib/libvirt/connection-driver/libvirt_driver_qemu.so" drivers
export LIBVIRT_DRIVER_DIR=$PWD/drivers
mount -t overlay -o "lowerdir=/etc,upperdir=$PWD/etc,workdir=$PWD/etc.work" etc /etc
for folder in /run /var/lib /var/cache /var/log; do mount -t tmpfs "$folder" "$folder"; done
mount --bind /dev/null /dev/sev 2>/dev/null || true
cp -a /dev/kvm kvm
mount --bind kvm /dev/kvm
# The driver asks for this account whatever the configuration says.
getent passwd libvirt-qemu >/dev/null || echo "libvirt-qemu:x:64055:65534::/:/usr/sbin/nologin" >>/etc/passwd
getent group kvm >/dev/null || echo "kvm:x:64056:" >>/etc/group
getent group libvirt-qemu >/dev/null || echo "libvirt-qemu:x:64055:" >>/etc/group
mkdir -p /etc/libvirt
printf '%s\n' 'user = "nobody"' 'group = "nogroup"' 'security_driver = "none"' 'cgroup_controllers = []' \
    'namespaces = []' 'stdio_handler = "file"' >/etc/libvirt/qemu.conf
# The emulator notes that it was started.
touch started && chmod 666 started
printf '#!/bin/sh\necho >>%s/started\nQEMU_MODULE_DIR=%s exec %s/root/usr/bin/qemu-system-x86_64 "$@"\n' "$PWD" "$lib/qemu" "$PWD" >emulator
chmod 755 emulator
cat >vm.xml <<XML
<domain type='qemu'><name>vm</name><uuid>00000000-0000-4000-8000-000000000001</uuid><memory>65536</memory><os><type arch='x86_64'>hvm</type></os>
<devices><emulator>$PWD/emulator</emulator></devices></domain>
XML
echo 'auth_unix_rw = "none"' >libvirtd.conf
libvirtd --config libvirtd.conf 2>log &
for _ in $(seq 300); do
    virsh -q -c qemu:///system uri >/dev/null 2>&1 && break
    sleep 0.1
done

# starts_per_define MODE: how often the emulator was started by each of three definitions.
starts_per_define()
{
    local before counts=()
    chmod "$1" kvm
    for _ in 1 2 3; do
        before=$(wc -l <started)
        virsh -q -c qemu:///system define vm.xml
        counts+=($(($(wc -l <started) - before)))
    done
    echo "${counts[*]}"
}

libvirtd --version
roots=$(starts_per_define 600)
all=$(starts_per_define 666)
echo "emulators started by each of three definitions, /dev/kvm for root only: $roots; for all: $all"
[[ $roots =~ ^[1-9][0-9]*\ [1-9][0-9]*\ [1-9][0-9]*$ && $all =~ \ 0\ 0$ ]] || { echo "that has changed" && exit 1; }
