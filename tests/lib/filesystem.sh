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

# own_directory PARENT NAME: PARENT/NAME is an empty directory, in this mount namespace alone, with all else
# in PARENT as it was. (One made on the machine itself is every test's: a mount on it goes when any of them
# removes it.) It is put together outside of $LAB, where nobody removes what is seen through a mount.
own_directory()
{
    local entry name

    mount -t tmpfs -o mode=755 libvirt-reflink /mnt
    for entry in "$1"/*; do
        name=${entry##*/}
        if [ "$name" = "$2" ]; then
            continue
        elif [ -d "$entry" ]; then
            mkdir "/mnt/$name"
        elif [ -f "$entry" ]; then
            touch "/mnt/$name"
        else
            continue
        fi
        mount --rbind "$entry" "/mnt/$name"
    done
    mkdir "/mnt/$2"
    mount --move /mnt "$1"
}
