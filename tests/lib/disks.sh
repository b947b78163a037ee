# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Domains whose <disk> elements a test writes itself: to be sourced after guest.sh.

# disks_document NAME UUID DISK...: prints the domain NAME with these <disk> elements, as hda and so
# on.
disks_document()
{
    local name=$1 uuid=$2 disk letters=abcd i=0
    shift 2

    lab_domain "$name" "" "<uuid>$uuid</uuid>" | sed -n '1,/<devices>/p'
    for disk in "$@"; do
        echo "${disk//TARGET/<target dev=\'hd${letters:i:1}\' bus=\'ide\'/>}"
        i=$((i + 1))
    done
    lab_domain "$name" "" | sed '1,/<devices>/d'
}

# disk TYPE SOURCE [EXTRA [DEVICE]]: a <disk> element.
disk()
{
    echo "<disk type='$1' device='${4:-disk}'><driver name='qemu' type='raw'/>" \
        "<source $2/>TARGET${3:-}</disk>"
}

# define_disks DISK...: defines "vm" (anew) with these.
define_disks()
{
    disks_document vm 00000000-0000-4000-8000-000000000001 "$@" >"$LAB/vm.xml"
    virsh define "$LAB/vm.xml"
}

# define_other_disks NAME DISK...: the same for a domain whose name is a digit.
define_other_disks()
{
    disks_document "$1" "00000000-0000-4000-8000-0000000001$1$1" "${@:2}" >"$LAB/$1.xml"
    virsh define "$LAB/$1.xml"
}
