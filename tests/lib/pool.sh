# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Reflink pools and their volumes for tests: to be sourced after lab.sh.

# pool_document NAME PATH [OPTIONS] [EXTRA]: prints the XML of a reflink pool. OPTIONS are put into
# <reflink:options>, EXTRA into <pool>.
pool_document()
{
    cat <<-END
	<pool type='dir' xmlns:reflink='urn:libvirt-reflink:storagepool:1.0'>
	  <name>$1</name>
	  <target><path>$2</path></target>
	  ${4:-}
	  <reflink:options>${3:-}</reflink:options>
	</pool>
	END
}

# plain_document NAME PATH: the same without our namespace, as other clients write it.
plain_document()
{
    echo "<pool type='dir'><name>$1</name><target><path>$2</path></target></pool>"
}

# define_pool NAME PATH [OPTIONS] [EXTRA]
define_pool()
{
    pool_document "$@" >"$LAB/$1.pool.xml"
    virsh pool-define "$LAB/$1.pool.xml"
}

# reflink_pool NAME PATH [OPTIONS]: one that is there and active.
reflink_pool()
{
    define_pool "$@"
    virsh pool-build "$1"
    virsh pool-start "$1"
}

# stock_pool NAME PATH: a plain directory pool, active.
stock_pool()
{
    virsh pool-define-as "$1" dir --target "$2"
    virsh pool-build "$1"
    virsh pool-start "$1"
}

# volume_document NAME CAPACITY [EXTRA]: prints a volume's XML; EXTRA is put into <volume>.
volume_document()
{
    echo "<volume><name>$1</name><capacity>$2</capacity>${3:-}</volume>"
}

# create_volume POOL NAME CAPACITY [EXTRA]: through vol-create, for what vol-create-as has no
# option for.
create_volume()
{
    volume_document "${@:2}" >"$LAB/volume.xml"
    virsh vol-create "$1" "$LAB/volume.xml"
}

# create_snapshot POOL NAME SOURCE: a volume that starts as SOURCE is then.
create_snapshot()
{
    create_volume "$1" "$2" 0 "<backingStore><path>$3</path></backingStore>"
}

# volumes POOL: the names of its volumes and revisions, one a line, as vol-list has them.
volumes()
{
    virsh vol-list "$1" | awk 'NF { print $1 }'
}

# listing DIRECTORY: all that lies in it, for comparing it with later; but for precaches and
# temporaries, which workers make and remove, and which are no part of a volume's state.
listing()
{
    find "$1" -name '*-precache.img' -o -name '*.img~*' -o \
        \( -type d -printf '%P %y %i %m %U %G\n' \) -o \
        -printf '%P %y %i %n %m %U %G %s %T@\n' | LC_ALL=C sort
}

# same_listing DIRECTORY LISTING: nothing changed since LISTING was taken.
same_listing()
{
    local difference
    difference=$(diff <(printf '%s\n' "$2") <(listing "$1")) || die "$1 has changed: $difference"
}

# refused WORDS DIRECTORY COMMAND...: it fails with them, as fails_with says, and changed nothing there.
refused()
{
    local words=$1 directory=$2 before
    shift 2
    before=$(listing "$directory")
    fails_with "$words" "$@"
    same_listing "$directory" "$before"
}
