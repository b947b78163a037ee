# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Real file systems in sparse loop-mounted files. Call these in a mount namespace of your own.

# make_filesystem FS FILE SIZE: a new file system of that kind in a new sparse file.
make_filesystem()
{
    local fs=$1 file=$2 size=$3

    truncate -s "$size" "$file"
    case $fs in
    xfs) mkfs.xfs -q -m reflink=1 "$file" ;;
    btrfs) mkfs.btrfs -q "$file" >/dev/null ;; # it mentions TRIM even so
    ext4) mkfs.ext4 -q "$file" ;;
    ext3) mkfs.ext4 -q -I 128 "$file" 2>/dev/null ;; # its small inodes keep whole seconds; it warns
    *)
        echo "no such file system: $fs" >&2
        return 1
        ;;
    esac
}

# mount_filesystem FILE DIRECTORY: the loop device goes with the mount.
mount_filesystem()
{
    mkdir -p "$2"
    mount -o loop "$1" "$2"
}

# Loop devices of files below DIRECTORY, which a test has set up and not removed.
loop_devices_below()
{
    losetup --list --noheadings --output NAME,BACK-FILE |
        awk -v below="$1/" 'index($2, below) == 1 { print $1 }'
}

# unmount_filesystem DIRECTORY: waits a little for whoever is just leaving it.
# (In a trap a plain "return" is that of the command before the trap: a failed test kept its files.)
unmount_filesystem()
{
    local device

    for device in $(loop_devices_below "$1"); do
        losetup --detach "$device" || true
    done
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        umount "$1" 2>/dev/null && return 0
        sleep 0.2
    done
    echo "$1 is still in use; unmounting it lazily" >&2
    umount --lazy "$1"
}
