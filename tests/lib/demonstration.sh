# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What quickstart shows, inside of the laboratory.

bold='' plain=''
if [ -t 1 ] || [ -n "${QUICKSTART_BOLD:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi

# say SENTENCE...
say()
{
    printf '\n# %s\n' "$@"
}

# show COMMAND...: prints the command, then runs it.
show()
{
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    if [ "$1" = virsh ]; then
        shift
        command virsh -c qemu:///system "$@" | sed '/^$/d'
        return "${PIPESTATUS[0]}"
    else
        "$@"
    fi
}

# document NAME: keeps stdin as a file in the current directory, and prints it.
document()
{
    cat >"$1"
    show cat "$1"
}

prepare_place()
{
    place=/var/lib/libvirt/reflink
    mkdir -p "$place"
    mount --bind "$(lab_filesystem "$FS" 1G)" "$place"
    cleanup_fn umount --lazy "$place"
    mkdir "$place/images" "$LAB/work"
    cp "$BOOT_IMAGE" "$place/images/boot.img"
    cd "$LAB/work" || exit
}

show_pool()
{
    say "A pool: an ordinary directory on $FS, and how its volumes are to be kept."
    document pool.xml <<-END
	<pool type='dir' xmlns:reflink='urn:libvirt-reflink:storagepool:1.0'>
	  <name>qubes</name>
	  <target><path>$place/qubes</path></target>
	  <reflink:options>
	    <reflink:revisions keep='3'/>
	    <reflink:volume match='*/*/volatile' kind='volatile'/>
	  </reflink:options>
	</pool>
	END
    show virsh pool-define pool.xml
    show virsh pool-build qubes
    show virsh pool-start qubes

    say "An ordinary pool beside it, with the disk of a small guest: it counts its runs on each disk."
    show virsh pool-define-as images dir --target "$place/images"
    show virsh pool-start images
}

volume_document()
{
    document "$1" <<-END
	<volume>
	  <name>$2</name>
	  <capacity unit='MiB'>1</capacity>$3
	</volume>
	END
}

show_volumes()
{
    local template

    say "A template volume, made from that disk."
    volume_document template.xml vm-templates/demo/root ""
    show virsh vol-create-from qubes template.xml boot.img --inputpool images
    show virsh vol-path vm-templates/demo/root --pool qubes
    template=$(virsh vol-path vm-templates/demo/root --pool qubes)

    say "A snapshot volume: each start takes the template as it is then."
    volume_document root.xml appvms/demo/root "
  <backingStore><path>$template</path></backingStore>"
    show virsh vol-create qubes root.xml

    say "A persistent volume, and one that is volatile by the pool's rule."
    show virsh vol-create-as qubes appvms/demo/private 1M
    show virsh vol-create-as qubes appvms/demo/volatile 1M
}

show_domain()
{
    local name disks=

    say "A domain on these three. Its disks are the volumes' paths: the images that it writes to."
    for name in root private volatile; do
        show virsh vol-path "appvms/demo/$name" --pool qubes
        disks+="$(virsh vol-path "appvms/demo/$name" --pool qubes) "
    done
    lab_domain demo "$disks" >demo.xml
    show virsh define demo.xml
}

# One run; disk 0 is root, 1 is private, 2 is volatile.
show_run()
{
    show virsh start demo
    guest_wait demo
    echo "... the guest has run and powered itself off. Its serial console:"
    show cat "$LAB/demo.serial"
    show od -An -t u4 -j 512 -N 4 "$place/qubes/appvms/demo/private.img"
}

show_runs()
{
    local run

    for run in first second third; do
        say "The $run run. Disk 0 is root, 1 is private (its clean image is read, too), 2 is volatile."
        show_run
    done
    say "What was committed: private has a revision for each run, and the others have none."
    sleep 1 # the list follows a domain's stop within that
    show virsh vol-list qubes
}

show_clone_and_revert()
{
    local private=$place/qubes/appvms/demo/private.img

    say "A clone shares its data with the original."
    show virsh vol-clone appvms/demo/private appvms/copy/private --pool qubes
    show virsh vol-info appvms/copy/private --pool qubes

    say "A revert: revision 2 becomes the current state, and the state until now a revision."
    show virsh vol-clone appvms/demo/private@2 appvms/demo/private@current --pool qubes
    show od -An -t u4 -j 512 -N 4 "$private"
    show_run
    sleep 1
    show virsh vol-list qubes
}

show_documents()
{
    say "What libvirt says about them."
    show virsh vol-dumpxml appvms/demo/root --pool qubes
    show virsh pool-dumpxml qubes
    say "On disk:"
    (cd "$place/qubes" && show find . -type f)
}

demonstrate()
{
    lab_start_libvirtd
    prepare_place
    show_pool
    show_volumes
    show_domain
    show_runs
    show_clone_and_revert
    show_documents
    say "That is all."
}
