#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# libvirt mounts a pool of type "fs" whose <device path=> is an image file (mount makes a loop device of it), and
# does not know that mount again. "pool-destroy" reports success and leaves the file system mounted; the next
# "pool-start" fails, because it is mounted already. After a restart of libvirtd the running pool is inactive,
# still mounted, and can be neither started nor destroyed.
#
# A block device is no protection: the same happens if it is the second one of a btrfs, and with any device if the
# target is below a symbolic link (as where /var/lib/libvirt/images was moved to a larger disk). /proc/mounts has
# the loop device, the first device of the btrfs, and the resolved target; the pool has other names for them.
#
# So "inactive" does not say of such a pool that its file system is not mounted, nor that its volumes are unused.
#
# Run it as root, where the libraries are that libvirt-daemon depends on. It mounts and runs libvirtd in namespaces
# of its own, with programs of the packages below.
set -eu
packages=(libvirt-daemon=9.0.0-4+deb12u2 libvirt-clients=9.0.0-4+deb12u2 libvirt0=9.0.0-4+deb12u2
    mount=2.38.1-5+deb12u3 libmount1=2.38.1-5+deb12u3 xfsprogs=6.1.0-1 libinih1=55-1 btrfs-progs=6.2-1+deb12u2)

# The outer run: packages and cleaning up.
if [ "${1-}" != inside ]; then
    work=$(mktemp -d)
    # shellcheck disable=SC2317 # the trap calls it
    clean_up()
    {
        local image
        for image in "$work"/*.img; do
            losetup --noheadings --output NAME --associated "$image" | xargs -r losetup --detach || true
        done
        rm -rf "$work"
    }
    trap clean_up EXIT
    (cd "$work" && apt-get -q -q download "${packages[@]}")
    for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
    unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc -- "$0" inside "$work"
    exit
fi

# The inner run: libvirtd with its storage driver only, no state and no configuration but these.
cd "$2"
lib=$PWD/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$lib PATH=$PWD/root/bin:$PWD/root/sbin:$PWD/root/usr/bin:$PWD/root/usr/sbin:$PATH
mkdir drivers etc etc.work mnt
cp "$lib/libvirt/connection-driver/libvirt_driver_storage.so" drivers
export LIBVIRT_DRIVER_DIR=$PWD/drivers LIBVIRT_STORAGE_BACKEND_DIR=$lib/libvirt/storage-backend
export LIBVIRT_STORAGE_FILE_DIR=$lib/libvirt/storage-file
mount -t overlay -o "lowerdir=/etc,upperdir=$PWD/etc,workdir=$PWD/etc.work" etc /etc
for folder in /run /var/lib /var/cache /var/log; do mount -t tmpfs "$folder" "$folder"; done
for program in mount umount; do mount --bind "root/bin/$program" "/bin/$program"; done
echo 'auth_unix_rw = "none"' >libvirtd.conf
daemon=

v() { virsh -q -c storage:///system "$@"; }

start_libvirtd()
{
    [ -z "$daemon" ] || { kill "$daemon"; wait "$daemon" || true; }
    libvirtd --config libvirtd.conf 2>>log &
    daemon=$!
    for _ in $(seq 300); do
        if v uri >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "libvirtd does not answer:" && cat log && exit 1
}

seen() { if mountpoint -q mnt; then echo mounted; else echo unmounted; fi; }

# story NAME SOURCE TARGET WANTED
story()
{
    local left again=starts state
    echo "<pool type='fs'><name>p</name><source><device path='$2'/></source><target><path>$3</path></target></pool>" \
        >pool.xml
    v pool-define pool.xml
    v pool-start p
    v pool-destroy p
    left=$(seen)
    v pool-start p 2>>log || again=refused
    v pool-destroy p 2>>log || true
    umount -q mnt || true

    v pool-start p
    start_libvirtd
    state=$(v pool-info p | sed -n 's/^State: *//p')
    echo "$1: $left after pool-destroy, then pool-start $again; $state and $(seen) after libvirtd's restart"
    [ "$left $again $state $(seen)" = "$4" ]
    v pool-destroy p 2>>log || true
    umount -q mnt || true
    v pool-undefine p
}

truncate -s 1G xfs.img btrfs1.img btrfs2.img
mkfs.xfs -q xfs.img
start_libvirtd
echo "Linux $(uname -r), ${packages[*]}"
wrong="mounted refused inactive mounted"
story "an image file" "$PWD/xfs.img" "$PWD/mnt" "$wrong"

loop=$(losetup --find --show xfs.img)
ln -s "$loop" device
ln -s . link
story "a block device" "$loop" "$PWD/mnt" "unmounted starts running mounted"
story "a symbolic link to it" "$PWD/device" "$PWD/mnt" "unmounted starts running mounted"
story "target below a symbolic link" "$loop" "$PWD/link/mnt" "$wrong"

first=$(losetup --find --show btrfs1.img)
second=$(losetup --find --show btrfs2.img)
mkfs.btrfs -q "$first" "$second" >/dev/null 2>&1
story "the first device of a btrfs" "$first" "$PWD/mnt" "unmounted starts running mounted"
story "the second one" "$second" "$PWD/mnt" "$wrong"
# Seen:
#   Linux 6.18.44, libvirt-daemon=9.0.0-4+deb12u2 ... btrfs-progs=6.2-1+deb12u2
#   an image file: mounted after pool-destroy, then pool-start refused; inactive and mounted after libvirtd's restart
#   a block device: unmounted after pool-destroy, then pool-start starts; running and mounted after libvirtd's restart
#   a symbolic link to it: (as the block device)
#   target below a symbolic link: (as the image file)
#   the first device of a btrfs: (as the block device)
#   the second one: (as the image file)
