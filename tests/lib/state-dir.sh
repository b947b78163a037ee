# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A /var/lib of the laboratory's own, for modules below /var/lib/libvirt-reflink.

state_dir=/var/lib/libvirt-reflink

# With what the private daemon has there.
own_state_dir()
{
    mkdir "$LAB/libvirt-state"
    mount --bind /var/lib/libvirt "$LAB/libvirt-state"
    mount -t tmpfs -o mode=755 libvirt-reflink /var/lib
    mkdir /var/lib/libvirt "$state_dir"
    mount --bind "$LAB/libvirt-state" /var/lib/libvirt
}
