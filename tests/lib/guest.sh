# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Real domains with the guest of boot.S: to be sourced after lab.sh; what has to do with pools
# needs pool.sh as well.

# shellcheck disable=SC2034
BOOT_IMAGE=$BUILD_DIR/guest/boot.img

# saves_are_read_ahead: libvirt has a program read the save file into a pipe, which has all of a guest's memory if that
# is less than about 1 MiB, as no real guest's is.
saves_are_read_ahead()
{
    [ "$(printf '%s\n' 11.4.0 "$(libvirtd --version | sed 's/.* //')" | sort -V | head -n 1)" = 11.4.0 ]
}

# lab_memory: prints what gives a domain 3 MiB of memory that is not empty. A script has that for its domains with
# long_saves=yes.
lab_memory()
{
    [ -e "$LAB/memory" ] || head -c 3M /dev/urandom >"$LAB/memory"
    echo "<qemu:commandline><qemu:arg value='-device'/>"
    echo "<qemu:arg value='loader,file=$LAB/memory,addr=0x800000,force-raw=on'/></qemu:commandline>"
}

# lab_domain NAME 'IMAGE...' [EXTRA]: prints the XML of a domain that has these images as its
# IDE disks. It boots from the first; its serial console goes to $LAB/NAME.serial. EXTRA is put
# into <domain>. (Without ACPI the guest could not power itself off.)
lab_domain()
{
    local name=$1 images=$2 extra=${3:-} image letters=abcd i=0 space=''

    if [ -n "${long_saves:-}" ] && saves_are_read_ahead; then
        space=" xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
        extra+=$(lab_memory)
    fi
    cat <<-END
	<domain type='qemu'$space>
	  <name>$name</name>
	  <memory unit='MiB'>16</memory>
	  <vcpu>1</vcpu>
	  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
	  <features><acpi/></features>
	  <on_crash>destroy</on_crash>
	  $extra
	  <devices>
	END
    for image in $images; do
        cat <<-END
	    <disk type='file' device='disk'>
	      <driver name='qemu' type='raw'/>
	      <source file='$image'/>
	      <target dev='hd${letters:i:1}' bus='ide'/>
	    </disk>
		END
        i=$((i + 1))
    done
    cat <<-END
	    <controller type='usb' model='none'/>
	    <serial type='file'><source path='$LAB/$name.serial'/></serial>
	    <memballoon model='none'/>
	    <panic model='isa'/>
	  </devices>
	</domain>
	END
}

domain_is_off()
{
    [ "$(virsh domstate "$1")" = "shut off" ]
}

# libvirt holds the domain's lock from before it says "shut off" until the last hook has ended:
# who is told so comes after the hooks.
guest_wait()
{
    eventually 60 domain_is_off "$1"
}

# guest_run NAME: one whole run of the domain, from its start to the end of its release hook.
guest_run()
{
    virsh start "$1" >/dev/null
    guest_wait "$1"
}

# counter FILE: how often a guest has run with that disk.
counter()
{
    od -An -t u4 -j 512 -N 4 "$1" | tr -d ' '
}

# guest_wish FILE LETTER: how the guest shall end (see boot.S) when FILE is its first disk. A precache of FILE would
# be the state before an edit, and become a revision.
guest_wish()
{
    printf '%s' "$2" | dd of="$1" bs=512 seek=2 conv=notrunc status=none
    rm -f "${1%.img}-precache.img"
}

# guest_says NAME TEXT: waits until it has printed a line with that in it.
guest_says()
{
    eventually 60 grep -q "$2" "$LAB/$1.serial"
}

# guest_pool PATH [OPTIONS]: the reflink pool "qubes"; on a file system without reflinks, with the
# fallback. Beside it a pool "plain" that has the disk "boot".
guest_pool()
{
    local options=${2:-}

    [ "$FS" != ext4 ] || options+="<reflink:fallback copy='yes'/>"
    reflink_pool qubes "$1" "$options"
    mkdir "$LAB/plain"
    cp "$BOOT_IMAGE" "$LAB/plain/boot"
    stock_pool plain "$LAB/plain"
}

# boot_volume NAME: a volume of "qubes" that a guest can boot from.
boot_volume()
{
    volume_document "$1" 1048576 >"$LAB/volume.xml"
    virsh vol-create-from qubes "$LAB/volume.xml" boot --inputpool plain
}

# guest_domain NAME VOLUME...: defines a domain on these volumes of "qubes".
guest_domain()
{
    local name=$1 images="" volume
    shift

    for volume in "$@"; do
        images+=" $(virsh vol-path "$volume" qubes)"
    done
    lab_domain "$name" "$images" >"$LAB/$name.xml"
    virsh define "$LAB/$name.xml"
}

# has_volumes NAME...: these and no others are listed in "qubes".
has_volumes()
{
    virsh pool-refresh qubes
    [ "$(volumes qubes)" = "$(printf '%s\n' "$@" | LC_ALL=C sort)" ]
}
