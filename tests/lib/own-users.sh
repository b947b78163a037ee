# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# libvirt with its own users for device models: to be sourced after lab.sh.

# own_users: as libvirt is installed, and not as the laboratory sets it up at each boot.
own_users()
{
    sed -i -e 's/^user = .*/user = "libvirt-qemu"/; s/^group = .*/group = "kvm"/' \
        -e 's/^remember_owner = .*/remember_owner = 1/' /etc/libvirt/qemu.conf
    echo 'dynamic_ownership = 1' >>/etc/libvirt/qemu.conf
    # Where only root may use KVM, libvirt finds that its capabilities have changed at each definition, for 7 seconds.
    if [ -c /dev/kvm ] && [ ! -e "$LAB/kvm" ]; then
        cp -a /dev/kvm "$LAB/kvm"
        chmod 666 "$LAB/kvm"
        mount --bind "$LAB/kvm" /dev/kvm
    fi
    rm -f "$LAB/vm.serial" # on another file system, with the notes of a run that has lost its host
    lab_restart_libvirtd
}

# device_model COMMAND...: runs it as the device models' user.
device_model()
{
    setpriv --reuid "$(id -u libvirt-qemu)" --regid "$(getent group kvm | cut -d: -f3)" \
        --clear-groups "$@"
}
